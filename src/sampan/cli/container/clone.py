"""`sampan container clone`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER",
    summary="Make a container like a stopped one, with its files and settings",
    examples=(
        Example("To try something on a copy", "container clone --name trial box"),
        Example("With copies of its named volumes", "container clone --copy-volumes --name trial db"),
    ),
    flags=(
        Flag("copy-volumes", BOOL, "Copy named volumes too; without it both containers have them"),
        Flag("name", STRING, "Name of the clone"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    containers = Engine(invocation.settings.root or None).containers
    clone = containers.clone(
        invocation.arguments[0], parsed.string("name"), copy_volumes=parsed.boolean("copy-volumes")
    )
    print(clone.id)
    return 0
