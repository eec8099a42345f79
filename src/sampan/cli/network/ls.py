"""`sampan network ls`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import filter_flag, format_flag, no_trunc_flag, quiet_flag

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="List networks",
    examples=(Example("Those one made oneself", "network ls --filter type=custom"),),
    flags=(
        filter_flag(),
        format_flag(),
        no_trunc_flag(),
        quiet_flag(),
    ),
)
