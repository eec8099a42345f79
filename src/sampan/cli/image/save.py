"""`sampan save`."""

from collections.abc import Sequence

from sampan.cli import outfile
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, SLICE, STRING
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument

COMMAND = Command(
    arguments="[OPTIONS] IMAGE [IMAGE...]",
    summary="Write images to one archive",
    examples=(
        Example("Two images to a file", "save -o images.tar web:1.0 redis"),
        Example("To another host", "save web:1.0 | zstd | ssh host 'sampan load'"),
    ),
    flags=(
        Flag("output", STRING, "Write to a file instead of stdout", "o"),
        Flag("squash", BOOL, "Write each image with one layer, without what later layers removed"),
        Flag("platform", SLICE, "Platform that the images must have, os[/arch[/variant]]"),
    ),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    path = parsed.string("output")
    outfile.check(path, "save image", f"sampan save -o FILE {' '.join(invocation.arguments)}")
    images = Engine(invocation.settings.root or None).images
    platform = one_platform(parsed.strings("platform"))
    squash = parsed.boolean("squash")
    outfile.write(
        path, "save image", lambda write: images.save(invocation.arguments, write, platform=platform, squash=squash)
    )
    return 0


def one_platform(given: Sequence[str]) -> str:
    """The platform of --platform; an image here has one only. Raises InvalidArgument for several."""
    if len(given) > 1:
        raise InvalidArgument(
            "multiple platforms are not supported", hint="name one platform, such as --platform linux/amd64"
        )
    return given[0] if given else ""
