"""What is found in an image, and the files that it is read from. No input or output of its own."""

from collections.abc import Iterator
from typing import Protocol

from sampan.values import NamedTuple


class Package(NamedTuple):
    """A package that is installed. `kind` is the type that a package URL has: deb, apk, rpm, pypi or npm.

    `version` is written as its own tools write it, epoch and revision included. `licences` are as the package names
    them, in no one's language. `source` is the source package where it has another name. `location` is the file that
    said it, from the root, without the slash before it.
    """

    kind: str
    name: str
    version: str
    architecture: str = ""
    licences: tuple[str, ...] = ()
    source: str = ""
    supplier: str = ""
    location: str = ""


class Release(NamedTuple):
    """The system that an image is, by its os-release: debian, 12. Both are "" where it does not say."""

    id: str = ""
    version: str = ""
    title: str = ""


class Inventory(NamedTuple):
    """All packages, sorted and each once, and what could not be read: (location, why)."""

    release: Release
    packages: tuple[Package, ...]
    unread: tuple[tuple[str, str], ...] = ()


class Unreadable(Exception):
    """A file that should say what is installed does not; the message says why, for people."""


class Files(Protocol):
    """The files of an image. Paths are from its root, without the slash before them."""

    def read(self, path: str, most: int) -> bytes:
        """A regular file, links followed inside the root. Raises OSError, Unreadable for one above `most` bytes."""

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        """Every folder, with the names of the regular files in it, sorted. Links are not followed."""
