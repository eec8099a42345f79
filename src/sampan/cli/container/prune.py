"""`sampan container prune`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import filter_flag, force_flag

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove all containers that are not running",
    examples=(Example("Those that are older than a day, without a question", "container prune -f --filter until=24h"),),
    flags=(
        filter_flag(""),
        force_flag(),
    ),
)
