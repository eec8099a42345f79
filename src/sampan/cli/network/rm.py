"""`sampan network rm`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import force_flag

COMMAND = Command(
    arguments="[OPTIONS] NETWORK [NETWORK...]",
    summary="Remove networks",
    examples=(Example("No error when it is not there", "network rm -f front"),),
    flags=(force_flag("No error for what does not exist"),),
    takes=(1, None),
)
