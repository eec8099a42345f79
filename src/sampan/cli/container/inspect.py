"""`sampan container inspect`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, inspect_format_flag
from sampan.cli.kinds import BOOL
from sampan.cli.views.show import show
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Show everything that is known about containers",
    examples=(Example("The address in its network", "container inspect -f '{{.NetworkSettings.IPAddress}}' web"),),
    flags=(
        inspect_format_flag(),
        Flag("size", BOOL, "Include the sizes", "s"),
    ),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    engine = Engine(invocation.settings.root or None)
    size = invocation.parsed.boolean("size")
    return show(invocation, lambda name: engine.containers.inspect(name, size=size))
