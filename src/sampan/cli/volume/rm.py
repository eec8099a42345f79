"""`sampan volume rm`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.cli.flags import force_flag
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] VOLUME [VOLUME...]",
    summary="Remove volumes",
    examples=(Example("No error when it is not there", "volume rm -f data"),),
    flags=(force_flag("No error for what does not exist"),),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    engine = Engine(invocation.settings.root or None)
    force = invocation.parsed.boolean("force")
    return each(invocation.arguments, lambda name: engine.volumes.remove(name, force=force))
