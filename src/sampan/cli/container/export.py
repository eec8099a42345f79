"""`sampan export`."""

import os
import sys
from collections.abc import Callable

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
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


def execute(invocation: Invocation) -> int:
    path = invocation.parsed.string("output")
    if path:
        _check(path)
    elif sys.stdout.isatty():
        raise ClientError(
            "failed to export container: cowardly refusing to save to a terminal. Use the -o flag or redirect",
            hint=f"sampan export -o FILE {invocation.arguments[0]}",
        )
    containers = Engine(invocation.settings.root or None).containers
    container_id = containers.get(invocation.arguments[0]).id
    if not path:
        containers.export(container_id, sys.stdout.buffer.write)
    elif os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as device:
            containers.export(container_id, device.write)
    else:
        _write_file(path, lambda write: containers.export(container_id, write))
    return 0


def _check(path: str) -> None:
    """What docker's client refuses."""
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise ClientError(f"failed to export container: invalid output path: stat {folder}: no such file or directory")
    if os.path.isdir(path):
        raise ClientError("failed to export container: cannot write to a directory")


def _write_file(path: str, fill: Callable[[Callable[[bytes], object]], None]) -> None:
    """Fill a file beside `path` and put it there when it is whole."""
    folder, name = os.path.split(os.path.realpath(path))
    temporary = f"{folder}/.tmp-{name}{os.getpid()}"
    try:
        with open(temporary, "xb", opener=lambda file, flags: os.open(file, flags, 0o600)) as output:
            fill(output.write)
        os.rename(temporary, f"{folder}/{name}")
    except BaseException as error:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise ClientError(f"failed to export container: {path}: {(error.strerror or '').lower()}") from error
        raise
