"""`sampan image unmount`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] [IMAGE|FOLDER...]",
    summary="Take folders away that show an image's files",
    examples=(Example("All of them", "image unmount --all"),),
    flags=(Flag("all", BOOL, "Every image that is mounted", "a"),),
    takes=(0, None),
)


def execute(invocation: Invocation) -> int:
    images = Engine(invocation.settings.root or None).images
    if invocation.parsed.boolean("all"):
        for entry in images.unmount_all():
            print(entry.target)
        return 0
    if not invocation.arguments:
        raise ClientError("an image or folder to unmount is missing", hint="sampan image mount lists what is mounted")
    return each(invocation.arguments, images.unmount)
