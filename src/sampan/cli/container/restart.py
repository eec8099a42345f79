"""`sampan restart`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.container.stop import FLAGS
from sampan.cli.each import each
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Stop containers and start them again",
    examples=(Example("At once, without grace", "restart -t 0 web"),),
    flags=FLAGS,
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    timeout = parsed.integer("timeout") if parsed.is_given("timeout") else None

    def restart(name: str) -> None:
        engine.containers.restart(name, timeout_seconds=timeout, signal=parsed.string("signal"))

    return each(invocation.arguments, restart)
