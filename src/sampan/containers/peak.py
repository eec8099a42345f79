"""The most memory that a container used, kept beyond its end when it ran out of it."""

from sampan.containers import claims
from sampan.containers.model import Container
from sampan.linux import cgroup
from sampan.storage.paths import Paths

_FILES = ("memory.peak", "memory.max_usage_in_bytes")  # control groups of version 2 (from Linux 5.19) and 1


def keep(paths: Paths, container: Container) -> None:
    """Write the peak down while the control group is still there."""
    for folder in cgroup.folders(claims.cgroups_path(paths, container)):
        for name in _FILES:
            try:
                with open(f"{folder}/{name}") as file:
                    text = file.read()
            except FileNotFoundError:
                continue  # another hierarchy or version
            with open(_path(paths, container), "w") as file:
                file.write(text)
            return


def kept(paths: Paths, container: Container) -> int:
    """Bytes, 0 when nothing was kept."""
    try:
        with open(_path(paths, container)) as file:
            text = file.read().strip()
    except FileNotFoundError:
        return 0
    return int(text) if text.isdecimal() else 0


def _path(paths: Paths, container: Container) -> str:
    return paths.container(container.id) + "/memory-peak"
