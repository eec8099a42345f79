"""`sampan volume export`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.cli.values import output_file
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] VOLUME",
    summary="Write a volume's content as a tar",
    examples=(
        Example("To a file", "volume export -o data.tar data"),
        Example("To stdout, for zstd or tar", "volume export data"),
    ),
    flags=(Flag("output", STRING, "Write to a file instead of stdout", "o"),),
    takes=(1, 1),
)
_FAILED = "failed to export volume"


def execute(invocation: Invocation) -> int:
    path, name = invocation.parsed.string("output"), invocation.arguments[0]
    if path:
        output_file.check(path, _FAILED)
    elif sys.stdout.isatty():
        raise ClientError(
            f"{_FAILED}: cowardly refusing to save to a terminal. Use the -o flag or redirect",
            hint=f"sampan volume export -o FILE {name}",
        )
    volumes = Engine(invocation.settings.root or None).volumes
    volumes.get(name)
    if path:
        output_file.write(path, _FAILED, lambda write: volumes.export(name, write))
    else:
        volumes.export(name, sys.stdout.buffer.write)
    return 0
