"""`sampan volume ls`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, filter_flag, format_flag, quiet_flag
from sampan.cli.kinds import BOOL

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="List volumes",
    examples=(Example("Those that no container uses", "volume ls --filter dangling=true"),),
    flags=(
        Flag("cluster", BOOL, "", hidden=True),
        filter_flag(),
        format_flag(),
        quiet_flag("Print only names"),
    ),
)
