"""`sampan system resume`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="",
    summary="Start the containers that are to run after a boot",
    examples=(Example("At boot, where there is no systemd", "system resume"),),
)


def execute(invocation: Invocation) -> int:
    resumed = Engine(invocation.settings.root or None).system.resume()
    for name in resumed.started:
        print(name)
    for name, error in resumed.failed.items():
        print(f"Error: {name}: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"Hint: {error.hint}", file=sys.stderr)
    return 1 if resumed.failed else 0
