"""Results that are bytes: to a file that appears when it is whole, to a device or pipe, or to standard output."""

import os
import sys
from collections.abc import Callable

from sampan.cli.errors import ClientError, hint_of_space

Write = Callable[[bytes], object]
Fill = Callable[[Write], None]


def check(path: str, what: str, suggestion: str) -> None:
    """What docker's client refuses; `what` ("save image") says what fails, `suggestion` how to name a file. Raises
    ClientError."""
    if not path:
        if sys.stdout.isatty():
            raise ClientError(
                f"failed to {what}: cowardly refusing to save to a terminal. Use the -o flag or redirect",
                hint=suggestion,
            )
        return
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise ClientError(f"failed to {what}: invalid output path: stat {folder}: no such file or directory")
    if os.path.isdir(path):
        raise ClientError(f"failed to {what}: cannot write to a directory")


def write(path: str, what: str, fill: Fill) -> None:
    """Let `fill` write to `path`, or to standard output when that is "". Raises ClientError where a file cannot be
    written."""
    if not path:
        fill(sys.stdout.buffer.write)
        sys.stdout.flush()
    elif os.path.exists(path) and not os.path.isfile(path):
        try:
            with open(path, "wb") as device:
                fill(device.write)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise ClientError(f"failed to {what}: {path}: {reason}", hint=hint_of_space(error)) from error
    else:
        _write_file(path, what, fill)


def _write_file(path: str, what: str, fill: Fill) -> None:
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
            reason = (error.strerror or "").lower()
            raise ClientError(f"failed to {what}: {path}: {reason}", hint=hint_of_space(error)) from error
        raise
