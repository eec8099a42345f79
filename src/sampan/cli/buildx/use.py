"""`sampan buildx use`."""

from sampan.cli.buildx.instances import check
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING

COMMAND = Command(
    arguments="[OPTIONS] NAME",
    summary="Choose a builder: there is one, default",
    examples=(Example("The one there is", "buildx use default"),),
    flags=(
        Flag("builder", STRING, "", hidden=True),
        Flag("default", BOOL, "", hidden=True),
        Flag("global", BOOL, "", hidden=True),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    check(invocation.arguments[0])
    return 0
