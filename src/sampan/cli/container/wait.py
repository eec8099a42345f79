"""`sampan wait`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="CONTAINER [CONTAINER...]",
    summary="Wait until containers stop, and print their exit codes",
    examples=(Example("Its exit code, once it is known", "wait job"),),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    engine = Engine(invocation.settings.root or None)
    return each(invocation.arguments, lambda name: print(engine.containers.wait(name), flush=True), shows=False)
