"""`sampan tag`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    summary="Give an image another name",
    examples=(Example("A version and a moving name", "tag web:1.4.2 web:1.4"),),
    takes=(2, 2),
)


def execute(invocation: Invocation) -> int:
    Engine(invocation.settings.root or None).images.tag(*invocation.arguments)
    return 0
