"""`sampan volume inspect`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import inspect_format_flag

COMMAND = Command(
    arguments="[OPTIONS] VOLUME [VOLUME...]",
    summary="Show everything that is known about volumes",
    examples=(Example("Where its files are", "volume inspect -f '{{.Mountpoint}}' data"),),
    flags=(inspect_format_flag(),),
    takes=(1, None),
)
