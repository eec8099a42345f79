"""`sampan diff`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="CONTAINER",
    summary="List the files that a container added, changed or deleted",
    examples=(Example("What an installation did", "diff box"),),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    from sampan.dockerfile.errors import visible

    for change in Engine(invocation.settings.root or None).containers.diff(invocation.arguments[0]):
        print(change.kind, visible(change.path).replace("\n", "\\n"))
    return 0
