"""`sampan bundle load`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.image.load import Display, loaded_lines, opened
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine
from sampan.errors import SampanError

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Load images and build cache from a bundle of somebody whose builds you trust",
    examples=(
        Example("From a file", "bundle load -i site.tar"),
        Example("Only what a digest proves, of somebody who is not trusted", "bundle load --no-cache -i site.tar"),
    ),
    flags=(
        Flag("digest", STRING, "Refuse another bundle than that of this digest, which bundle create printed"),
        Flag("input", STRING, "Read from a file instead of stdin", "i"),
        Flag("no-cache", BOOL, "Take images alone: no cached steps, and no names by digest that are not proved"),
        quiet_flag("Show no progress"),
    ),
)


def execute(invocation: Invocation) -> int:
    display = Display(sys.stdout, quiet=invocation.parsed.boolean("quiet"))
    with opened(invocation.parsed.string("input")) as source:
        images = Engine(invocation.settings.root or None).images
        try:
            loaded, steps = images.load_bundle(
                source,
                with_cache=not invocation.parsed.boolean("no-cache"),
                digest=invocation.parsed.string("digest"),
                on_progress=display.show,
            )
        except SampanError as error:
            raise ClientError(error.message, hint=error.hint) from error
        finally:
            display.end()
    print(loaded_lines(loaded), end="")
    print(f"Cached steps: {steps}")
    return 0
