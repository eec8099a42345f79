"""Binds that are to share the host's later mounts: whether the host lets them."""

import os
from collections.abc import Iterable

from sampan.containers.model import MountPoint
from sampan.errors import StartFailed

_WISHES = {"shared": ("shared:",), "slave": ("shared:", "master:")}


def check(points: Iterable[MountPoint]) -> None:
    """Raises StartFailed in Docker's words where a source lies on a mount that shares nothing: the bind would be
    private without a word. To be called outside of a private mount namespace, in which all is a slave."""
    for point in points:
        marks = _WISHES.get(point.propagation.removeprefix("r"))
        if point.type != "bind" or marks is None:
            continue
        place, tags = _mount_of(os.path.realpath(point.source))
        if not any(tag.startswith(marks) for tag in tags):
            wanted = "shared" if len(marks) == 1 else "shared or slave"
            raise StartFailed(
                f"path {point.source} is mounted on {place} but it is not a {wanted} mount",
                exit_code=125,
                hint=f"mount --make-shared {place}, or leave out {point.propagation}",
            )


def _mount_of(path: str) -> tuple[str, tuple[str, ...]]:
    """The mount point that `path` lies on, and its optional fields (proc(5), mountinfo)."""
    best, found = "", tuple[str, ...]()
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.partition(" - ")[0].split(" ")
            place = _unescaped(fields[4])
            # Of several on top of each other the last one is seen.
            if len(place) >= len(best) and (path == place or path.startswith(place.rstrip("/") + "/")):
                best, found = place, tuple(fields[6:])
    return best or "/", found


def _unescaped(text: str) -> str:
    """Blanks and their like stand as octal numbers there."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
