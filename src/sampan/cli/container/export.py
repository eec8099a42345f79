"""`sampan export`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.cli.values import output_file
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER",
    summary="Write a container's files as a tar",
    examples=(
        Example("To a file", "export -o box.tar box"),
        Example("To stdout, for sampan import or tar", "export box"),
    ),
    flags=(Flag("output", STRING, "Write to a file instead of stdout", "o"),),
    takes=(1, 1),
)
_FAILED = "failed to export container"


def execute(invocation: Invocation) -> int:
    path = invocation.parsed.string("output")
    if path:
        output_file.check(path, _FAILED)
    elif sys.stdout.isatty():
        raise ClientError(
            f"{_FAILED}: cowardly refusing to save to a terminal. Use the -o flag or redirect",
            hint=f"sampan export -o FILE {invocation.arguments[0]}",
        )
    containers = Engine(invocation.settings.root or None).containers
    container_id = containers.get(invocation.arguments[0]).id
    if path:
        output_file.write(path, _FAILED, lambda write: containers.export(container_id, write))
    else:
        containers.export(container_id, sys.stdout.buffer.write)
    return 0
