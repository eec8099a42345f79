"""`sampan rename`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import describe, with_hint
from sampan.engine.engine import Engine
from sampan.errors import SampanError

COMMAND = Command(
    arguments="CONTAINER NEW_NAME",
    summary="Give a container another name",
    examples=(Example("Make room for the next one", "rename web web-old"),),
    takes=(2, 2),
)


def execute(invocation: Invocation) -> int:
    old, new = invocation.arguments
    try:
        Engine(invocation.settings.root or None).containers.rename(old, new)
    except SampanError as error:
        print(with_hint(describe(error), error), file=sys.stderr)
        print(f"Error: failed to rename container named {old}", file=sys.stderr)
        return 1
    return 0
