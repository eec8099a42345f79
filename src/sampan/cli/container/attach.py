"""`sampan attach`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine
from sampan.errors import Conflict

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER",
    summary="Connect this terminal to a running container",
    examples=(Example("Look without typing", "attach --no-stdin web"),),
    flags=(
        Flag("detach-keys", STRING, "Keys that detach, such as ctrl-p,ctrl-q"),
        Flag("no-stdin", BOOL, "Leave stdin alone"),
        Flag("sig-proxy", BOOL, "Pass signals on to the process", default=True),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    from sampan.cli.container.streams import check_input, chosen_streams, detach_keys, shown_code
    from sampan.engine import foreground

    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    record = engine.containers.get(invocation.arguments[0]).record
    options = record.spec.options
    interactive = options.interactive and not parsed.boolean("no-stdin")
    if record.is_running:
        check_input(interactive, options.tty)
    how = foreground.Foreground(
        streams=chosen_streams((), interactive=interactive),
        detach_keys=detach_keys(parsed.string("detach-keys"), invocation.settings),
        proxy_signals=parsed.boolean("sig-proxy") and not options.tty,
    )
    try:
        return shown_code(foreground.attach_running(engine, record, how))
    except Conflict as error:
        raise ClientError(error.message, hint=error.hint) from error
