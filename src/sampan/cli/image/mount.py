"""`sampan image mount`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.output import short_id
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[IMAGE [FOLDER]]",
    summary="Show an image's files in a folder, read-only, without a container; alone, list what is shown",
    examples=(
        Example("Prints the folder", "image mount web:1.0"),
        Example("In a folder of one's own", "image mount web:1.0 /mnt"),
    ),
    takes=(0, 2),
)


def execute(invocation: Invocation) -> int:
    images = Engine(invocation.settings.root or None).images
    if invocation.arguments:
        print(images.mount(*invocation.arguments))
        return 0
    for entry in images.mounted():
        print(f"{short_id(entry.image_id)}  {entry.target}")
    return 0
