"""`sampan buildx version`."""

from sampan import __version__
from sampan.cli.command import Command, Example, Invocation

COMMAND = Command(
    arguments="",
    summary="Show the version of the builder, which is sampan's own",
    examples=(Example("As scripts ask whether there is a buildx", "buildx version"),),
)


def execute(invocation: Invocation) -> int:
    print(f"sampan/buildx v{__version__}")
    return 0
