"""`sampan volume import`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] VOLUME [FILE|-]",
    summary="Replace a volume's content by that of a tar",
    examples=(
        Example("From a backup; the volume is made when it is not there", "volume import data data.tar"),
        Example("From stdin, over what is there", "volume import --merge data -"),
    ),
    flags=(Flag("merge", BOOL, "Lay the archive over what is there, also while containers use the volume"),),
    takes=(1, 2),
)


def execute(invocation: Invocation) -> int:
    name = invocation.arguments[0]
    source = invocation.arguments[1] if len(invocation.arguments) > 1 else "-"
    merge = invocation.parsed.boolean("merge")
    if source == "-" and sys.stdin.isatty():
        raise ClientError("there is no archive on a terminal", hint=f"sampan volume import {name} FILE")
    volumes = Engine(invocation.settings.root or None).volumes
    if source == "-":
        volumes.load(name, sys.stdin.buffer, merge=merge)
        return 0
    try:
        with open(source, "rb") as archive:
            volumes.load(name, archive, merge=merge)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        if error.filename != source:
            raise
        raise ClientError(f"open {source}: {(error.strerror or '').lower()}") from error
    return 0
