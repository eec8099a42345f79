"""`sampan info`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import inspect_format_flag

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show this host and this store",
    examples=(Example("How many containers run", "info -f '{{.ContainersRunning}}'"),),
    flags=(inspect_format_flag(),),
)
