"""`sampan start`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.cli.errors import ClientError, describe, with_hint
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine
from sampan.errors import SampanError

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Start containers that are not running",
    examples=(Example("Start it and watch its output", "start -a job"),),
    flags=(
        Flag("attach", BOOL, "Connect stdout and stderr, and pass signals on", "a"),
        Flag("checkpoint", STRING, "Refused: processes are not kept", hidden=True),
        Flag("checkpoint-dir", STRING, "Refused: processes are not kept", hidden=True),
        Flag("detach-keys", STRING, "Keys that detach, such as ctrl-p,ctrl-q"),
        Flag("interactive", BOOL, "Connect stdin too", "i"),
    ),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    for name in ("checkpoint", "checkpoint-dir"):
        if parsed.is_given(name):
            raise ClientError(
                f'"--{name}" is only supported on a Docker daemon with experimental features enabled',
                hint="'sampan snapshot' keeps a container's files, though not its processes",
            )
    engine = Engine(invocation.settings.root or None)
    if parsed.boolean("attach") or parsed.boolean("interactive"):
        return _attached(engine, invocation)
    failed: list[str] = []

    def failure(name: str, error: SampanError) -> str:
        failed.append(name)
        return with_hint(describe(error), error)

    code = each(invocation.arguments, engine.containers.start, failure=failure)
    if failed:
        print(f"Error: failed to start containers: {', '.join(failed)}", file=sys.stderr)
    return code


def _attached(engine: Engine, invocation: Invocation) -> int:
    from sampan.cli.container.streams import check_input, chosen_streams, detach_keys
    from sampan.engine import foreground

    if len(invocation.arguments) > 1:
        raise ClientError("you cannot start and attach multiple containers at once")
    record = engine.containers.get(invocation.arguments[0]).record
    options = record.spec.options
    interactive = invocation.parsed.boolean("interactive") and options.interactive
    check_input(interactive, options.tty)
    how = foreground.Foreground(
        streams=chosen_streams((), interactive=interactive),
        detach_keys=detach_keys(invocation.parsed.string("detach-keys"), invocation.settings),
        proxy_signals=not options.tty,
    )
    if record.is_running:
        return foreground.attach_running(engine, record, how) or 0
    return foreground.start_attached(engine, record, how)
