"""`sampan rm`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL
from sampan.engine.engine import Engine
from sampan.errors import Conflict, NotFound

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Remove containers",
    examples=(Example("Kill it if it runs, and take its anonymous volumes along", "rm -fv web"),),
    flags=(
        Flag("force", BOOL, "Kill those that run", "f"),
        Flag("link", BOOL, "Refused: links are not objects of their own", "l"),
        Flag("volumes", BOOL, "Remove their anonymous volumes too", "v"),
    ),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    force = parsed.boolean("force")

    def remove(name: str) -> None:
        try:
            if parsed.boolean("link"):
                engine.containers.get(name)
                raise Conflict("Conflict, cannot remove the default link name of the container")
            engine.containers.remove(name, force=force, volumes=parsed.boolean("volumes"))
        except NotFound as error:
            if not force:
                raise
            print(f"Error response from daemon: {error.message}", file=sys.stderr)
            return
        print(name)

    return each(invocation.arguments, remove, shows=False)
