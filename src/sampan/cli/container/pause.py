"""`sampan pause`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="CONTAINER [CONTAINER...]",
    summary="Freeze every process of containers",
    examples=(Example("Freeze it while the disk is copied", "pause db"),),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    return each(invocation.arguments, Engine(invocation.settings.root or None).containers.pause)
