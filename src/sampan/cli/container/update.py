"""`sampan update`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.container.run_flags import LIMIT_FLAGS
from sampan.cli.container.run_options import limits
from sampan.cli.each import each
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, Parsed
from sampan.cli.kinds import BYTES, STRING, UINT16
from sampan.cli.values.limits import read_restart
from sampan.containers.options import UpdateOptions
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Change limits and restart policy of containers",
    examples=(
        Example("More memory for one that runs", "update -m 512m --memory-swap 1g web"),
        Example("Let it come back whatever happens", "update --restart unless-stopped web"),
    ),
    flags=(
        Flag("blkio-weight", UINT16, "", hidden=True),
        *LIMIT_FLAGS,
        Flag("kernel-memory", BYTES, "", hidden=True, deprecated="and no longer supported by the kernel"),
        Flag("restart", STRING, "What happens when it ends: no, always, unless-stopped, on-failure[:N]"),
    ),
    takes=(1, None),
)
_DISCARDED = "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    if not parsed.given:
        raise ClientError(
            "you must provide one or more flags when using this command",
            hint=f"sampan update --memory 512m --memory-swap 1g {invocation.arguments[0]}",
        )
    options = _options(parsed)
    engine = Engine(invocation.settings.root or None)
    code = each(invocation.arguments, lambda name: engine.containers.update(name, options))
    if parsed.integer("blkio-weight"):
        sys.stdout.flush()
        print(_DISCARDED, file=sys.stderr)
    return code


def _options(parsed: Parsed) -> UpdateOptions:
    return UpdateOptions(
        **limits(parsed),
        memory_bytes=parsed.integer("memory"),
        pids_limit=parsed.integer("pids-limit") if parsed.is_given("pids-limit") else None,
        restart=read_restart(parsed.string("restart")) if parsed.string("restart") else None,
    )
