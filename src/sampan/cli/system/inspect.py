"""`sampan inspect`."""

import sys
from collections.abc import Callable
from typing import Any

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, inspect_format_flag
from sampan.cli.kinds import BOOL, STRING
from sampan.cli.views.show import show
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument, NotFound

Finder = Callable[[str], dict[str, Any]]

COMMAND = Command(
    arguments="[OPTIONS] NAME|ID [NAME|ID...]",
    summary="Show everything that is known about objects",
    examples=(Example("The state of a container", "inspect -f '{{.State.Status}}' web"),),
    flags=(
        inspect_format_flag(),
        Flag("size", BOOL, "Include the sizes of containers", "s"),
        Flag("type", STRING, "Look only for this: container, image, network or volume"),
    ),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    finders: dict[str, Finder] = {
        "container": lambda name: engine.containers.inspect(name, size=parsed.boolean("size")),
        "image": engine.images.inspect,
        "network": engine.networks.inspect,
        "volume": engine.volumes.inspect,
    }
    kind = parsed.string("type")
    if kind and kind not in finders:
        known = ", ".join(f'"{name}"' for name in finders)
        raise ClientError(f'unknown type: "{kind}": must be one of {known}')
    candidates = {kind: finders[kind]} if kind else finders

    def find(name: str) -> dict[str, Any]:
        for found_kind, finder in candidates.items():
            try:
                found = finder(name)
            except (NotFound, InvalidArgument):
                if kind:
                    raise
                continue
            if parsed.boolean("size") and found_kind != "container":
                print(f"WARNING: --size ignored for {found_kind}", file=sys.stderr)
            return found
        raise ClientError(f"Error: No such object: {name}")

    return show(invocation, find)
