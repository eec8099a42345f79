"""`sampan unpause`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="CONTAINER [CONTAINER...]",
    summary="Let paused containers go on",
    examples=(Example("Let it go on", "unpause db"),),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    return each(invocation.arguments, Engine(invocation.settings.root or None).containers.unpause)
