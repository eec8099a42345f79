"""`sampan rmi`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.cli.flags import Flag, force_flag
from sampan.cli.image.save import one_platform
from sampan.cli.kinds import BOOL, SLICE
from sampan.engine.engine import Engine
from sampan.errors import NotFound
from sampan.images.model import Untagged
from sampan.images.removal import Removed

COMMAND = Command(
    arguments="[OPTIONS] IMAGE [IMAGE...]",
    summary="Remove images",
    examples=(Example("One name; the image goes with its last one", "rmi web:1.0"),),
    flags=(
        force_flag("Remove it although stopped containers use it"),
        Flag("no-prune", BOOL, "Keep parents that have no name"),
        Flag("platform", SLICE, "Remove only this platform, os[/arch[/variant]]"),
    ),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    engine = Engine(invocation.settings.root or None)
    force = invocation.parsed.boolean("force")
    platform = one_platform(invocation.parsed.strings("platform"))

    def remove(name: str) -> None:
        try:
            removed = engine.images.remove(name, force=force, platform=platform)
        except NotFound as error:
            if not force:
                raise
            print(f"Error response from daemon: {error.message}", file=sys.stderr)
            return
        print(removal_lines(removed), end="")

    return each(invocation.arguments, remove, shows=False)


def removal_lines(removed: Removed) -> str:
    """What docker prints of images that went away."""
    return "".join(
        f"Untagged: {entry.reference}\n" if isinstance(entry, Untagged) else f"Deleted: {entry.digest}\n"
        for entry in removed
    )
