"""`sampan container inspect`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, inspect_format_flag
from sampan.cli.kinds import BOOL

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Show everything that is known about containers",
    examples=(Example("The address in its network", "container inspect -f '{{.NetworkSettings.IPAddress}}' web"),),
    flags=(
        inspect_format_flag(),
        Flag("size", BOOL, "Include the sizes", "s"),
    ),
    takes=(1, None),
)
