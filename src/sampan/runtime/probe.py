"""What this host has: runtime, monitor and init programs, cgroup version."""

import os

from sampan.errors import InvalidArgument, Unsupported
from sampan.values import NamedTuple

_FOLDERS = (
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
    "/sbin",
    "/usr/libexec/podman",
    "/usr/lib/podman",
)


class Program(NamedTuple):
    """An executable. `stamp` changes when it is replaced."""

    name: str
    path: str
    stamp: str

    @property
    def is_crun(self) -> bool:
        return os.path.basename(self.path) == "crun"


def find(name: str) -> Program | None:
    """Look `name` up (a path, or a name in the usual folders and $PATH)."""
    folders = ("",) if "/" in name else (*_FOLDERS, *os.environ.get("PATH", "").split(":"))
    for folder in folders:
        path = f"{folder}/{name}" if folder else name
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            status = os.stat(path)
            return Program(name, path, f"{path}:{status.st_mtime_ns}:{status.st_size}")
    return None


def runtime(name: str = "") -> Program:
    """The OCI runtime: the asked one, else crun, else runc. Raises InvalidArgument or Unsupported."""
    if name:
        found = find(name)
        if found is None:
            raise InvalidArgument(
                f"unknown or invalid runtime name: {name}", hint="crun and runc are known, or give a path"
            )
        return found
    for candidate in ("crun", "runc"):
        found = find(candidate)
        if found is not None:
            return found
    raise Unsupported("no OCI runtime on this host", hint="apt-get install crun")


def required(name: str) -> Program:
    """A program that a start cannot do without. Raises Unsupported with the package to install."""
    found = find(name)
    if found is None:
        raise Unsupported(f"{name} is not installed on this host", hint=f"apt-get install {name}")
    return found


def init() -> Program:
    """The init for --init: catatonit, tini or docker-init. Raises Unsupported."""
    for candidate in ("catatonit", "tini-static", "tini", "docker-init"):
        found = find(candidate)
        if found is not None:
            return found
    raise Unsupported("--init needs an init program on this host", hint="apt-get install catatonit")


def cgroup_version() -> int:
    """2 on a unified host, 1 on legacy and hybrid ones."""
    return 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1
