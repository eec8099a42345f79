"""A bundle on disk: config.json, and a root file system mounted only where the runtime looks."""

import json
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from sampan.linux import mount, namespace
from sampan.runtime import users
from sampan.runtime.spec import SpecOptions, make_spec
from sampan.storage.paths import Paths

T = TypeVar("T")
_FILE_LIMIT = 4 << 20


def write_config(bundle: str, options: SpecOptions) -> None:
    """Write config.json. Not synced: a bundle that a power failure took is made again at the next start."""
    fd = os.open(bundle + "/config.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "w") as file:
        file.write(json.dumps(make_spec(options)))


def in_rootfs(
    paths: Paths,
    layers: Sequence[str],
    *,
    upper: str,
    work: str,
    target: str,
    body: Callable[[int], T],
    meanwhile: Callable[[], None] = lambda: None,
) -> T:
    """Mount layers (lowest first) and `upper` at `target` in a private mount namespace and call `body(root_fd)` there.

    `meanwhile` runs at the same time in the calling thread. What `body` starts keeps the mount alive; when the last
    of it has ended, the mount is gone. Raises OSError.
    """

    def inside() -> T:
        mount.overlay(paths.layers, layers, upper, work, target)
        root = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return body(root)
        finally:
            os.close(root)

    return namespace.in_private_mounts(inside, meanwhile)


def identity(root: int, user: str, extra_groups: tuple[str, ...] = ()) -> users.Identity:
    """Resolve `user` with the passwd and group files of the root file system behind `root`. Raises InvalidArgument."""
    return users.resolve(user, read_text(root, "etc/passwd"), read_text(root, "etc/group"), extra_groups)


def read_text(root: int, path: str) -> str:
    """A small text file inside a root file system, "" when it is not there or not a regular file."""
    from sampan.linux import files

    try:
        fd = files.open_regular(root, path)
    except OSError:
        return ""
    with open(fd, "rb") as file:
        return file.read(_FILE_LIMIT).decode(errors="replace")
