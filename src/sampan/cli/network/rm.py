"""`sampan network rm`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.cli.flags import force_flag
from sampan.engine.engine import Engine
from sampan.errors import NotFound

COMMAND = Command(
    arguments="[OPTIONS] NETWORK [NETWORK...]",
    summary="Remove networks",
    examples=(Example("No error when it is not there", "network rm -f front"),),
    flags=(force_flag("No error for what does not exist"),),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    engine = Engine(invocation.settings.root or None)
    force = invocation.parsed.boolean("force")

    def remove(name: str) -> None:
        try:
            engine.networks.remove(name)
        except NotFound:
            if not force:
                raise
            return
        print(name)

    return each(invocation.arguments, remove, shows=False)
