"""Which of our streams a container gets."""

import os

from sampan.cli.errors import ClientError
from sampan.containers.streams import Streams


def check_input(interactive: bool, tty: bool) -> None:
    """A terminal in the container wants one here. Raises ClientError in docker's words."""
    if interactive and tty and not os.isatty(0):
        raise ClientError("the input device is not a TTY")


def chosen_streams(attach: tuple[str, ...], *, interactive: bool) -> Streams:
    """`attach` as --attach said; without it both outputs, and the input with -i."""
    names = attach or (("stdin", "stdout", "stderr") if interactive else ("stdout", "stderr"))
    return Streams(
        0 if "stdin" in names and interactive else -1, 1 if "stdout" in names else -1, 2 if "stderr" in names else -1
    )
