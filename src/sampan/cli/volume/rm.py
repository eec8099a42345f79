"""`sampan volume rm`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import force_flag

COMMAND = Command(
    arguments="[OPTIONS] VOLUME [VOLUME...]",
    summary="Remove volumes",
    examples=(Example("No error when it is not there", "volume rm -f data"),),
    flags=(force_flag("No error for what does not exist"),),
    takes=(1, None),
)
