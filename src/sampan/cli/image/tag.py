"""`sampan tag`."""

from sampan.cli.command import Command, Example

COMMAND = Command(
    arguments="SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    summary="Give an image another name",
    examples=(Example("A version and a moving name", "tag web:1.4.2 web:1.4"),),
    takes=(2, 2),
)
