"""`sampan exec`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, LIST, STRING
from sampan.cli.values.environment import ENV, environment
from sampan.containers.haste import hasten

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER COMMAND [ARG...]",
    summary="Run a command in a running container",
    examples=(
        Example("A shell beside the running process", "exec -it web sh"),
        Example("One command as another user", "exec -u 1000 web id"),
    ),
    flags=(
        Flag("detach", BOOL, "Leave it running in the background", "d"),
        Flag("detach-keys", STRING, "Keys that detach, such as ctrl-p,ctrl-q"),
        Flag("env", ENV, "Environment variable, KEY=VALUE, or KEY to pass on its value here", "e"),
        Flag("env-file", LIST, "File of environment variables, one a line"),
        Flag("interactive", BOOL, "Keep stdin open", "i"),
        Flag("privileged", BOOL, "Give the command all capabilities"),
        Flag("tty", BOOL, "Give it a terminal", "t"),
        Flag("user", STRING, "User, NAME|UID[:GROUP|GID]", "u"),
        Flag("workdir", STRING, "Working directory", "w"),
    ),
    takes=(2, None),
    interspersed=False,
)


def execute(invocation: Invocation) -> int:
    hasten()
    from sampan.cli.container.streams import check_input, chosen_streams, detach_keys, shown_code
    from sampan.containers import execs
    from sampan.containers.options import ExecOptions
    from sampan.engine.engine import Engine
    from sampan.errors import Conflict, StartFailed

    parsed = invocation.parsed
    options = ExecOptions(
        command=tuple(invocation.arguments[1:]),
        tty=parsed.boolean("tty"),
        interactive=parsed.boolean("interactive"),
        detach=parsed.boolean("detach"),
        env=environment(parsed.strings("env-file"), parsed.strings("env")),
        user=parsed.string("user"),
        working_dir=parsed.string("workdir"),
        privileged=parsed.boolean("privileged"),
    )
    if not options.detach:
        check_input(options.interactive, options.tty)
    engine = Engine(invocation.settings.root or None)
    streams = chosen_streams((), interactive=options.interactive)
    given = parsed.string("detach-keys")
    keys = detach_keys(given, invocation.settings) if options.tty or given else ""
    try:
        code = execs.run(
            engine.database, engine.paths, invocation.arguments[0], options, streams=streams, detach_keys=keys
        )
        return shown_code(code)
    except StartFailed as error:
        if options.detach:
            raise Conflict(error.message, hint=error.hint) from error
        # docker's engine sends this through the stream that the process would have had.
        print(error.message)
        if error.hint:
            print(f"Hint: {error.hint}", file=sys.stderr)
        return error.exit_code
