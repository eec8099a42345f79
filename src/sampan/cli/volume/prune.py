"""`sampan volume prune`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.kinds import BOOL

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove volumes that no container uses",
    examples=(Example("Those with a name too", "volume prune -a"),),
    flags=(
        Flag("all", BOOL, "Remove named volumes too", "a"),
        filter_flag(""),
        force_flag(),
    ),
)
