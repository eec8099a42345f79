"""`sampan ps`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, filter_flag, format_flag, no_trunc_flag, quiet_flag
from sampan.cli.kinds import BOOL, INT

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="List containers",
    examples=(
        Example("Everything, running or not", "ps -a"),
        Example("Names and states only", "ps -a --format '{{.Names}} {{.State}}'"),
    ),
    flags=(
        Flag("all", BOOL, "Show also those that do not run", "a"),
        filter_flag(),
        format_flag(),
        Flag("last", INT, "Show so many of the newest, in any state", "n", default=-1),
        Flag("latest", BOOL, "Show the newest, in any state", "l"),
        no_trunc_flag(),
        quiet_flag(),
        Flag("size", BOOL, "Show what each wrote and how large it is in all", "s"),
    ),
)
