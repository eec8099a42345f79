"""Terminals: raw mode and size."""

import os
import termios


def is_terminal(descriptor: int) -> bool:
    return os.isatty(descriptor)


def size(descriptor: int) -> tuple[int, int]:
    """(rows, columns)."""
    columns, rows = os.get_terminal_size(descriptor)
    return rows, columns


def set_size(descriptor: int, rows: int, columns: int) -> None:
    termios.tcsetwinsize(descriptor, (rows, columns))


class Raw:
    """A terminal in raw mode for the length of a `with` block: each key goes through as it is."""

    __slots__ = ("_descriptor", "_saved")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._saved = termios.tcgetattr(descriptor)

    def __enter__(self) -> "Raw":
        import tty

        tty.setraw(self._descriptor, termios.TCSANOW)
        return self

    def __exit__(self, *exception: object) -> None:
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)
