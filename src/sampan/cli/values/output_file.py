"""A file that a command writes, which is there when it is whole and not before."""

import os
from collections.abc import Callable

from sampan.cli.errors import ClientError

Fill = Callable[[Callable[[bytes], object]], None]


def check(path: str, what: str) -> None:
    """What docker's client refuses of -o; `what` says what failed. Raises ClientError."""
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise ClientError(f"{what}: invalid output path: stat {folder}: no such file or directory")
    if os.path.isdir(path):
        raise ClientError(f"{what}: cannot write to a directory")


def write(path: str, what: str, fill: Fill) -> None:
    """Let `fill` write to a file beside `path` and put it there when it is whole; a device is written to as it is.

    Raises ClientError.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as device:
            fill(device.write)
        return
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
            raise ClientError(f"{what}: {path}: {(error.strerror or '').lower()}") from error
        raise
