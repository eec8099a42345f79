"""`sampan buildx stop`."""

from sampan.cli.buildx.instances import check
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING

COMMAND = Command(
    arguments="[NAME]",
    summary="Stop a builder: the one that is built in never runs by itself",
    examples=(Example("Nothing happens", "buildx stop"),),
    flags=(Flag("builder", STRING, "", hidden=True),),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    for name in invocation.arguments:
        check(name)
    return 0
