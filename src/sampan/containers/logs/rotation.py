"""Puts a full log aside: `log` becomes `log.1`, that `log.2`, and the monitor begins a new one. No line is lost.

Renaming does not disturb the monitor, which goes on writing to the file that it has open until it is told, through its
control pipe, to begin one anew. Between the two there is no `log`; who is killed there is followed by somebody who
sees that and tells the monitor.
"""

import errno
import os

from sampan.containers.logs import compression as logcompression
from sampan.containers.logs.files import LOG, entries, numbers
from sampan.linux import fault

_REOPEN = b"2 0 0\n"  # conmon's ctl pipe: kind of message, and two numbers that this one has no use for


def is_between(folder: str) -> bool:
    """Whether a rotation was begun and the monitor has not yet begun its new file."""
    return not os.path.exists(f"{folder}/{LOG}") and bool(numbers(folder))


def rotate(folder: str, limit: int) -> None:
    """Keep at most `limit` files, the one included that is begun.

    Raises OSError when there is no room for another file, BlockingIOError while one is compressed: then everything
    stays as it is, and the log grows.
    """
    if is_between(folder):
        reopen(folder)
        return
    with logcompression.alone(folder, waits=False):
        _rename(folder, limit)
    reopen(folder)


def _rename(folder: str, limit: int) -> None:
    # The monitor opens its next file by this name, and would end if it could not.
    os.close(os.open(f"{folder}/{LOG}.tmp", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    present = entries(folder)
    for number, name in reversed(present):
        if number >= limit - 1:
            os.unlink(f"{folder}/{name}")
    fault.point("rotate.dropped")
    moved = _moved(sorted({number for number, _ in present}), limit)
    for number, name in reversed(present):
        if number in moved:
            os.rename(f"{folder}/{name}", f"{folder}/{name.replace(str(number), str(number + 1))}")
    os.rename(f"{folder}/{LOG}", f"{folder}/{LOG}.1")
    fault.point("rotate.renamed")


def _moved(present: list[int], limit: int) -> list[int]:
    """Which files get the next number: those without a gap before them."""
    moved: list[int] = []
    for number in present:
        if number >= limit - 1 or number != len(moved) + 1:
            break
        moved.append(number)
    return moved


def reopen(folder: str) -> None:
    """Tell the monitor to begin its file anew; one that has ended needs no telling."""
    try:
        descriptor = os.open(f"{folder}/ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return
        raise
    try:
        os.write(descriptor, _REOPEN)
    finally:
        os.close(descriptor)
