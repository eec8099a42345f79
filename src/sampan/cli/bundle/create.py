"""`sampan bundle create`."""

import sys

from sampan.cli import outfile
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] [IMAGE...]",
    summary="Write images and the build cache to one archive; without names, every image that has one",
    examples=(
        Example("Everything that a build there needs", "bundle create -o site.tar"),
        Example("Two images alone", "bundle create --no-cache -o site.tar web:1.0 postgres:16"),
    ),
    flags=(
        Flag("no-cache", BOOL, "Leave the build cache out"),
        Flag("output", STRING, "Write to a file instead of stdout", "o"),
    ),
    takes=(0, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    path = parsed.string("output")
    outfile.check(path, "create bundle", "sampan bundle create -o FILE")
    images = Engine(invocation.settings.root or None).images
    created = []

    def fill(write: outfile.Write) -> None:
        created.append(images.create_bundle(invocation.arguments, write, with_cache=not parsed.boolean("no-cache")))

    outfile.write(path, "create bundle", fill)
    for made in created:
        print(f"{made.images} images, {made.steps} cached steps\ndigest: {made.digest}", file=sys.stderr)
    return 0
