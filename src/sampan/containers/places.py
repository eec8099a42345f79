"""Where the source and the destination of a copy are: a folder that is open and a name in it, inside a root.

Docker's rules: `..` is taken away as text, a last component that is a link is the link itself unless a slash follows it
or it is asked to be followed, and links on the way are followed inside the root.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from sampan.linux import files
from sampan.values import NamedTuple

_MAX_LINKS = 40


class Place(NamedTuple):
    """`parent` is an open folder, `name` an entry of it, "" for the folder itself; `info` is what lstat says of it,
    None when nothing is there."""

    parent: int
    name: str
    info: os.stat_result | None

    @property
    def is_folder(self) -> bool:
        return self.info is not None and stat.S_ISDIR(self.info.st_mode)


def wants_folder(path: str) -> bool:
    """Whether a path says by its end that it is a folder's."""
    return path.endswith(("/", "/.")) or path == "."


def wants_content(path: str) -> bool:
    """Whether a path means what is in a folder rather than the folder."""
    return path.endswith("/.") or path == "."


def cleaned(path: str) -> str:
    """`path` from the root on, without `.`, `..` and doubled slashes."""
    return "/" + os.path.normpath("/" + path).lstrip("/")


def base_name(path: str) -> str:
    """The name under which a source arrives in a folder; "" where its content does."""
    return "" if wants_content(path) else os.path.basename(cleaned(path))


@contextmanager
def found(root: int, path: str, *, follow: bool = False) -> Iterator[Place]:
    """The place of `path` in the root. Raises OSError (ENOENT, ENOTDIR) when its folder is not there, or when it wants
    to be a folder's and something else is there."""
    place = _found(root, path, follow=follow)
    try:
        yield place
    finally:
        os.close(place.parent)


def _found(root: int, path: str, *, follow: bool) -> Place:
    follow = follow or wants_folder(path)
    current = cleaned(path)
    for _ in range(_MAX_LINKS):
        place = _at(root, current)
        if not follow or place.info is None or not stat.S_ISLNK(place.info.st_mode):
            if wants_folder(path) and place.info is not None and not place.is_folder:
                os.close(place.parent)
                raise NotADirectoryError(errno.ENOTDIR, "not a directory", path)
            return place
        try:
            link = os.readlink(place.name, dir_fd=place.parent)
        finally:
            os.close(place.parent)
        # As text, but each step is looked up by descriptor in the root: at worst another file of the same root.
        current = _joined(current, link)
    raise OSError(errno.ELOOP, "too many levels of symbolic links", path)


def _joined(path: str, link: str) -> str:
    if link.startswith("/"):
        return cleaned(link)
    # `..` in a link means the parent of the real folder, so it is left for the kernel to resolve.
    return os.path.dirname(path).rstrip("/") + "/" + link.rstrip("/")


def _at(root: int, path: str) -> Place:
    if path == "/" or path.endswith(("/..", "/.")):
        folder = files.open_in_root(root, path, files.DIRECTORY)
        return Place(folder, "", os.fstat(folder))
    parent, _, name = path.rpartition("/")
    folder = files.open_in_root(root, parent or "/", files.DIRECTORY)
    try:
        return Place(folder, name, os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return Place(folder, name, None)
    except BaseException:
        os.close(folder)
        raise


def open_folder(place: Place) -> int:
    """The folder at a place, for reading; never through a link."""
    return os.open(place.name or ".", files.DIRECTORY | os.O_NOFOLLOW, dir_fd=place.parent)
