"""`sampan image prune`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.kinds import BOOL

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove images that nothing uses",
    examples=(Example("Also those that have a name", "image prune -a"),),
    flags=(
        Flag("all", BOOL, "Remove named images too that no container uses", "a"),
        filter_flag(""),
        force_flag(),
    ),
)
