"""`sampan system shutdown`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag
from sampan.cli.kinds import INT

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Stop every container and whatever watches them",
    examples=(Example("With five seconds for each", "system shutdown -t 5"),),
    flags=(Flag("timeout", INT, "Seconds to wait before killing a container; -1 for ever", "t"),),
)
