"""What is in files, on its way from a tree into a layer."""

import errno
import os
import stat

from sampan.builder.files.trees import Entry, Tree
from sampan.errors import InvalidArgument
from sampan.linux import files

_CAPABILITY = "security.capability"
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Reader:
    """Opens files of a tree, by the folder that the one before was in: a context has many in each."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._path, self._folder = "", -1

    def open(self, entry: Entry) -> int:
        """A regular file, for reading. Raises OSError; InvalidArgument when it is a file no more."""
        path, _, name = entry.path.rpartition("/")
        if self._folder < 0 or path != self._path:
            opened = files.open_beneath(self._tree.root, path, files.DIRECTORY)
            self.close()
            self._path, self._folder = path, opened
        try:
            # A pipe in the file's place would keep us waiting; see files.open_listed().
            fd = os.open(name, _FLAGS, dir_fd=self._folder)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENXIO):
                raise
            raise InvalidArgument(f"{entry.path} changed while it was read") from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise InvalidArgument(f"{entry.path} changed while it was read")
        return fd

    def close(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
        self._folder = -1


def copy_capability(reader: int, writer: int) -> None:
    try:
        value = os.getxattr(reader, _CAPABILITY)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return
        raise
    os.setxattr(writer, _CAPABILITY, value)


def in_layer(layer: int, made: int) -> int:
    """The folder of the layer itself for one that was made in a view whose topmost layer it is; `made` is closed.

    Nothing lies below such a folder, and nobody else looks at the view: what is written there costs half as much.
    Where the two are not the same folder, or `layer` is -1, it is `made` that is returned.
    """
    if layer < 0:
        return made
    path = os.readlink(f"/proc/self/fd/{made}")
    try:
        own = files.open_beneath(layer, path.lstrip("/"), files.DIRECTORY)
    except OSError:
        return made
    if os.fstat(own).st_ino != os.fstat(made).st_ino:
        os.close(own)
        return made
    os.close(made)
    return own
