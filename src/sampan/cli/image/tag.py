"""`sampan tag`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument

COMMAND = Command(
    arguments="SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    summary="Give an image another name",
    examples=(Example("A version and a moving name", "tag web:1.4.2 web:1.4"),),
    takes=(2, 2),
)


def execute(invocation: Invocation) -> int:
    try:
        Engine(invocation.settings.root or None).images.tag(*invocation.arguments)
    except InvalidArgument as error:
        raise ClientError(error.message, hint=error.hint) from error
    return 0
