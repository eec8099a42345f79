"""`sampan history`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, format_flag, no_trunc_flag, quiet_flag
from sampan.cli.kinds import BOOL, STRING

COMMAND = Command(
    arguments="[OPTIONS] IMAGE",
    summary="Show the layers of an image and what made them",
    examples=(Example("Whole instructions", "history --no-trunc web"),),
    flags=(
        format_flag(),
        Flag("human", BOOL, "Print sizes and ages for people", "H", default=True),
        no_trunc_flag(),
        Flag("platform", STRING, "Platform of the image, os[/arch[/variant]]"),
        quiet_flag(),
    ),
    takes=(1, 1),
)
