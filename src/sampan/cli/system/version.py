"""`sampan version`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import inspect_format_flag

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show the version of sampan and of its parts",
    examples=(Example("The version alone", "version -f '{{.Client.Version}}'"),),
    flags=(inspect_format_flag(),),
)
