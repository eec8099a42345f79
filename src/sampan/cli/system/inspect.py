"""`sampan inspect`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, inspect_format_flag
from sampan.cli.kinds import BOOL, STRING

COMMAND = Command(
    arguments="[OPTIONS] NAME|ID [NAME|ID...]",
    summary="Show everything that is known about objects",
    examples=(Example("The state of a container", "inspect -f '{{.State.Status}}' web"),),
    flags=(
        inspect_format_flag(),
        Flag("size", BOOL, "Include the sizes of containers", "s"),
        Flag("type", STRING, "Look only for this: container, image, network or volume"),
    ),
    takes=(1, None),
)
