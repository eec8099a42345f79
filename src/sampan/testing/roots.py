"""Private roots for tests: made from a shared store that holds a busybox image, removed without a trace."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from sampan.storage.paths import Paths, paths_of
from sampan.testing import busybox, leftovers
from sampan.testing.command import Sampan
from sampan.testing.sweep import sweep

CANDIDATES = ("/var/tmp", "/tmp", "/dev/shm")


class LeftBehind(AssertionError):
    """Something of a root outlived `sampan system shutdown`."""


def private_folder(name: str) -> str:
    """A folder `name` where layers can be mounted: overlayfs takes no upper directory that is itself on overlayfs."""
    usable = [folder for folder in CANDIDATES if os.path.isdir(folder) and file_system(folder) != "overlay"]
    return os.path.join((usable or list(CANDIDATES))[0], name)


def file_system(path: str) -> str:
    """The type of the file system that holds `path`, as in /proc/self/mountinfo."""
    best, kind = "", ""
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, _, right = line.partition(" - ")
            point = left.split()[4]
            inside = path == point or path.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, right.split()[0]
    return kind


@contextmanager
def root_with_busybox(base: str, name: str) -> Iterator[Sampan]:
    """The command on a root of its own below `base` that holds the image busybox:latest; see `closed`."""
    shared = shared_store(base)
    with closed(os.path.join(base, name)) as sampan:
        subprocess.run(["cp", "-a", "--reflink=auto", shared, sampan.root], check=True)
        yield sampan


@contextmanager
def closed(root: str) -> Iterator[Sampan]:
    """The command on `root`, which does not exist yet; at the end its containers, processes and folder are gone.

    Raises LeftBehind when `rm` and `system shutdown` left something; that is then removed by force.
    """
    sampan = Sampan(root)
    paths = paths_of(root)
    try:
        yield sampan
        if os.path.exists(root):
            _shut_down(sampan)
        found = leftovers.wait_until_gone([paths])
        if found:
            raise LeftBehind("left behind:\n" + "\n".join(map(str, found)))
    finally:
        sweep(paths)
        _remove(paths)


def shared_store(base: str) -> str:
    """A root below `base` with busybox:latest, made once by whoever comes first; nothing may run in it."""
    os.makedirs(base, exist_ok=True)
    store = os.path.join(base, "shared")
    with open(os.path.join(base, "shared.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(store):
            archive = os.path.join(base, "busybox.tar")
            with open(archive, "wb") as file:
                file.write(busybox.rootfs())
            making = Sampan(store + ".making")
            making("import", "--change", 'CMD ["/bin/sh"]', archive, "busybox:latest")
            os.rename(making.root, store)
            shutil.rmtree(paths_of(making.root).run, ignore_errors=True)
    return store


def _shut_down(sampan: Sampan) -> None:
    containers = sampan("ps", "-aq").out.split()
    if containers:
        sampan("rm", "-f", "-v", *containers)
    sampan("system", "shutdown")


def _remove(paths: Paths) -> None:
    for folder in (paths.root, paths.run):
        subprocess.run(["rm", "-rf", "--one-file-system", folder], check=False)
