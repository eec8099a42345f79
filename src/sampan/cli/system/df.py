"""`sampan system df`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, format_flag
from sampan.cli.kinds import BOOL

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show how much space images, containers, volumes and build cache take",
    examples=(Example("One line for each object", "system df -v"),),
    flags=(
        format_flag(),
        Flag("verbose", BOOL, "One table for each kind of object", "v"),
    ),
)
