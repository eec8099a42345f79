"""Private roots for tests: copied from shared stores that hold an image, removed without a trace."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sampan.storage.paths import Paths, paths_of
from sampan.testing import busybox, leftovers
from sampan.testing.command import Sampan
from sampan.testing.sweep import sweep

CANDIDATES = ("/var/tmp", "/tmp", "/dev/shm")
PYTHON_BASE = "python-base:1.0"
"""The image that the examples are built on: a Debian or Ubuntu with Python."""


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


def distribution() -> str:
    """This host's own release as `image bootstrap` takes it: its packages are what the host's apt sources reach."""
    with open("/etc/os-release") as file:
        facts = dict(line.strip().split("=", 1) for line in file if "=" in line)
    name, release = facts["ID"].strip('"'), facts["VERSION_CODENAME"].strip('"')
    return f"{name}:{release}-slim" if name == "debian" else f"{name}:{release}"


def import_busybox(sampan: Sampan) -> None:
    """Make busybox:latest in a root."""
    archive = sampan.root + ".busybox.tar"
    with open(archive, "wb") as file:
        file.write(busybox.rootfs())
    sampan("import", "--change", 'CMD ["/bin/sh"]', archive, "busybox:latest")
    os.unlink(archive)


def bootstrap_python(sampan: Sampan) -> None:
    """Make busybox:latest and python-base:1.0 in a root; half a minute, and it needs the distribution's packages."""
    import_busybox(sampan)
    sampan(
        "image",
        "bootstrap",
        distribution(),
        "--include",
        "python3,python3-venv",
        "-t",
        PYTHON_BASE,
        timeout_seconds=900,
    )


def busybox_store(base: str) -> str:
    """A root below `base` with busybox:latest; copy it, run nothing in it."""
    return shared_store(base, "busybox-store", import_busybox)


def python_store(base: str) -> str:
    """A root below `base` with busybox:latest and python-base:1.0; copy it, run nothing in it."""
    return shared_store(base, "python-store", bootstrap_python)


def shared_store(base: str, name: str, make: Callable[[Sampan], None]) -> str:
    """The root `name` below `base`, filled by `make` once, by whichever process comes first."""
    os.makedirs(base, exist_ok=True)
    store = os.path.join(base, name)
    with open(store + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(store):
            making = Sampan(store + ".making")
            make(making)
            os.rename(making.root, store)
            shutil.rmtree(paths_of(making.root).run, ignore_errors=True)
    return store


@contextmanager
def copied(store: str, root: str) -> Iterator[Sampan]:
    """The command on `root`, a copy of `store`; see `closed`."""
    with closed(root) as sampan:
        subprocess.run(["cp", "-a", "--reflink=auto", store, root], check=True)
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


def _shut_down(sampan: Sampan) -> None:
    containers = sampan("ps", "-aq").out.split()
    if containers:
        sampan("rm", "-f", "-v", *containers)
    sampan("system", "shutdown")


def _remove(paths: Paths) -> None:
    for folder in (paths.root, paths.run):
        subprocess.run(["rm", "-rf", "--one-file-system", folder], check=False)
