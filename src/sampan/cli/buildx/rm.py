"""`sampan buildx rm`."""

from sampan.cli.buildx.instances import check, refuse
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING

COMMAND = Command(
    arguments="[OPTIONS] [NAME] [NAME...]",
    summary="Refused: the one builder is built in",
    examples=(Example("Says that there is one builder; `builder prune` removes what it keeps", "buildx rm mine"),),
    flags=(
        Flag("builder", STRING, "", hidden=True),
        Flag("timeout", STRING, "", hidden=True),
        Flag("all-inactive", BOOL, "", hidden=True),
        Flag("force", BOOL, "", hidden=True),
        Flag("keep-daemon", BOOL, "", hidden=True),
        Flag("keep-state", BOOL, "", hidden=True),
    ),
    takes=(0, None),
)


def execute(invocation: Invocation) -> int:
    if invocation.parsed.boolean("all-inactive"):
        return 0
    for name in invocation.arguments:
        check(name)
    raise refuse("builder default cannot be removed")
