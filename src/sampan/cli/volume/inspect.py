"""`sampan volume inspect`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import inspect_format_flag
from sampan.cli.views.show import show
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] VOLUME [VOLUME...]",
    summary="Show everything that is known about volumes",
    examples=(Example("Where its files are", "volume inspect -f '{{.Mountpoint}}' data"),),
    flags=(inspect_format_flag(),),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    return show(invocation, Engine(invocation.settings.root or None).volumes.inspect)
