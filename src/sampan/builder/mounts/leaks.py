"""Values of --secret that got into what a build makes: layers, variables, labels, history.

A value is looked for as it stands, blanks at its ends left out, while a layer is hashed: a build without secrets pays
nothing. One of fewer than SHORTEST bytes is not looked for, as it stands in many files by chance.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence

from sampan.linux import files
from sampan.oci.config import ImageConfig

SHORTEST = 8
_CHUNK = 1 << 20

Needle = tuple[str, bytes]
"""A secret's id, and what is looked for."""


def needles(values: Mapping[str, bytes]) -> tuple[Needle, ...]:
    """What of some secrets is looked for."""
    stripped = ((name, value.strip()) for name, value in values.items())
    return tuple((name, value) for name, value in stripped if len(value) >= SHORTEST)


class Search:
    """Looks for values in bytes that come in pieces, also where two pieces meet; `found` is the first one's id."""

    def __init__(self, wanted: Sequence[Needle]) -> None:
        self._wanted = wanted
        self._overlap = max((len(value) for _, value in wanted), default=1) - 1
        self._tail = b""
        self.found: Needle | None = None

    def feed(self, piece: bytes) -> None:
        if self.found is not None:
            return
        # Only as much of a piece is joined as a value could reach into.
        seam = self._tail + piece[: self._overlap]
        for needle in self._wanted:
            if needle[1] in piece or needle[1] in seam:
                self.found = needle
                return
        self._tail = (self._tail + piece[-self._overlap :])[-self._overlap :] if self._overlap else b""


def locate(layer: str, value: bytes) -> str:
    """The path of the first file of a layer's folder that has the value as its content, its name or its link's target;
    "" when it is none. No link is followed."""
    root = os.open(layer, files.DIRECTORY)
    try:
        for path, info in _walk(root):
            if value in os.fsencode(path) or _holds(root, path, info, value):
                return "/" + path
    finally:
        os.close(root)
    return ""


def _walk(root: int) -> Iterator[tuple[str, os.stat_result]]:
    folders = [""]
    while folders:
        folder = folders.pop(0)
        fd = files.open_beneath(root, folder, files.DIRECTORY)
        try:
            names = sorted(os.listdir(fd))
            found = [(name, os.stat(name, dir_fd=fd, follow_symlinks=False)) for name in names]
        finally:
            os.close(fd)
        for name, info in found:
            path = f"{folder}/{name}" if folder else name
            yield path, info
            if stat.S_ISDIR(info.st_mode):
                folders.append(path)


def _holds(root: int, path: str, info: os.stat_result, value: bytes) -> bool:
    if stat.S_ISLNK(info.st_mode):
        return value in os.fsencode(os.readlink(path, dir_fd=root))
    if not stat.S_ISREG(info.st_mode):
        return False
    search = Search((("", value),))
    fd = files.open_regular(root, path, follow=False)
    with open(fd, "rb") as file:
        while piece := file.read(_CHUNK):
            search.feed(piece)
            if search.found is not None:
                return True
    return False


def in_config(config: ImageConfig, wanted: Sequence[Needle]) -> tuple[str, str]:
    """(a secret's id, where its value stands in a configuration); two empty texts when none does."""
    for name, value in wanted:
        text = value.decode(errors="surrogateescape")
        for place, content in _texts(config):
            if text in content:
                return name, place.replace(text, "***")
    return "", ""


def _texts(config: ImageConfig) -> Iterator[tuple[str, str]]:
    inner = config.config
    for entry in inner.env:
        yield "ENV " + entry.partition("=")[0], entry
    for key, value in inner.labels.items():
        yield "LABEL " + key, f"{key}={value}"
    for words, name in ((inner.cmd, "CMD"), (inner.entrypoint, "ENTRYPOINT")):
        yield name, "\0".join(words or ())
    for line in config.history:
        yield "the history, " + line.created_by, line.created_by
