"""`sampan images`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, filter_flag, format_flag, no_trunc_flag, quiet_flag
from sampan.cli.kinds import BOOL

COMMAND = Command(
    arguments="[OPTIONS] [REPOSITORY[:TAG]]",
    summary="List images",
    examples=(Example("What no name points to any more", "images --filter dangling=true"),),
    flags=(
        Flag("all", BOOL, "Show intermediate images too", "a"),
        Flag("digests", BOOL, "Show digests"),
        filter_flag(),
        format_flag(),
        no_trunc_flag(),
        quiet_flag(),
    ),
    takes=(0, 1),
)
