"""`sampan rmi`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, force_flag
from sampan.cli.kinds import BOOL, SLICE

COMMAND = Command(
    arguments="[OPTIONS] IMAGE [IMAGE...]",
    summary="Remove images",
    examples=(Example("One name; the image goes with its last one", "rmi web:1.0"),),
    flags=(
        force_flag("Remove it although stopped containers use it"),
        Flag("no-prune", BOOL, "Keep parents that have no name"),
        Flag("platform", SLICE, "Remove only this platform, os[/arch[/variant]]"),
    ),
    takes=(1, None),
)
