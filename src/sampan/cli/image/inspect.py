"""`sampan image inspect`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, inspect_format_flag
from sampan.cli.kinds import STRING

COMMAND = Command(
    arguments="[OPTIONS] IMAGE [IMAGE...]",
    summary="Show everything that is known about images",
    examples=(Example("What it starts", "image inspect -f '{{json .Config.Cmd}}' web"),),
    flags=(
        inspect_format_flag(),
        Flag("platform", STRING, "Platform of the image, os[/arch[/variant]]"),
    ),
    takes=(1, None),
)
