"""`sampan system check`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.kinds import BOOL

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Verify every digest and reference of the store",
    examples=(Example("Without reading every blob", "system check --quick"),),
    flags=(
        Flag("quick", BOOL, "Compare sizes instead of digests"),
        Flag("repair", BOOL, "Remove what nothing refers to"),
        quiet_flag("Print only problems"),
    ),
)
