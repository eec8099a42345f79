"""Which of our streams a container gets."""

import os

from sampan.cli.command import Settings
from sampan.cli.errors import ClientError
from sampan.containers.streams import Streams, detach_sequence


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


def detach_keys(given: str, settings: Settings) -> str:
    """What --detach-keys says, else `detachKeys` of docker's config.json, else "" for the usual ones.

    Raises InvalidArgument for keys that nobody can press, also where there is no terminal to press them on.
    """
    if given:
        detach_sequence(given)
        return given
    from sampan.cli import client_config

    return client_config.text(settings, "detachKeys")


def shown_code(code: int | None) -> int:
    """The exit code of who was attached. Raises ClientError in docker's words when the user detached."""
    if code is None:
        raise ClientError("read escape sequence")
    return code
