"""`system check`: the store is sound, and nothing outside of it is left over."""

import os
from collections.abc import Iterable

from sampan.containers import store as containers
from sampan.containers.model import Container
from sampan.images import mounting
from sampan.linux import cgroup, links
from sampan.linux.netlink import Netlink
from sampan.networks import endpoints, upkeep
from sampan.networks import store as networks
from sampan.storage import check as storage_check
from sampan.storage import leases, locks, strays
from sampan.storage.check import Problem
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_NEXT = "the next command removes it"
_SHUTDOWN = "stop all containers, then run `sampan system shutdown`"


def diagnose(database: Database, paths: Paths, *, deep: bool = False) -> list[Problem]:
    """All that is wrong, sorted by where; `deep` reads every layer and compares its digest.

    What other processes make and remove meanwhile is no problem: names are read before the rows that explain them.
    """
    found = storage_check.check(database, paths, deep=deep)
    found += [
        Problem(path, "nothing of the store has this name", "move it away, or remove it") for path in strays.find(paths)
    ]
    found += _folders(database, paths)
    found += _mounts(database, paths)
    found += _cgroups(database, paths)
    found += _runtime_states(database, paths)
    found += _networks(database, paths)
    return sorted(found)


def _live(database: Database) -> set[str]:
    """Ids of containers that run or that a living process is starting, and names of builds' cgroups."""
    held = leases.held(database)
    starting = {name.partition(":")[2] for name in held if name.startswith("container:")}
    builds = {name.rpartition("/")[2] for name in held if name.startswith("cgroup:")}
    return {row[0] for row in containers.live(database)} | starting | builds


def _folders(database: Database, paths: Paths) -> list[Problem]:
    present = os.listdir(paths.containers)
    found = []
    for name in present:
        if containers.get(database, name) is None and _is_abandoned(database, paths, name):
            found.append(Problem(paths.container(name), "no container has this folder", _NEXT))
    for container in containers.all_containers(database):
        has_folder = os.path.isdir(paths.container(container.id))
        if container.is_running and not has_folder and _still_runs(database, container):
            what = "it runs, but its folder is missing"
            found.append(Problem(f"container {container.id}", what, f"sampan rm -f {container.name}"))
    return found


def _is_abandoned(database: Database, paths: Paths, container_id: str) -> bool:
    """Whether nobody is about to remove or make the folder."""
    lock = locks.try_container(paths, container_id)
    if lock is None:
        return False
    try:
        known = containers.get(database, container_id) is not None
        if not known:
            locks.forget(paths, container_id)
        return not known and os.path.isdir(paths.container(container_id))
    finally:
        os.close(lock)


def _still_runs(database: Database, container: Container) -> bool:
    current = containers.get(database, container.id)
    return current is not None and current.is_running


def _mounts(database: Database, paths: Paths) -> list[Problem]:
    """Nothing is mounted below the root where others see it, but images that the user mounted: containers have mount
    namespaces of their own."""
    own = (paths.containers + "/", paths.layers + "/", paths.tmp + "/", paths.run + "/")
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file]
    known = {entry.target for entry in mounting.mounted(database)}
    return [
        Problem(point, "something is mounted here", f"umount {point}")
        for point in points
        if point.startswith(own) and point not in known
    ]


def _cgroups(database: Database, paths: Paths) -> list[Problem]:
    present = [(folder, name) for folder in cgroup.folders(paths.cgroup) for name in _subfolders(folder)]
    live = _live(database)
    return [
        Problem(f"{folder}/{name}", "a control group without a container", _SHUTDOWN)
        for folder, name in present
        if name not in live and os.path.isdir(f"{folder}/{name}")
    ]


def _subfolders(folder: str) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _runtime_states(database: Database, paths: Paths) -> list[Problem]:
    present = _subfolders(paths.runtime)
    live = {name.removeprefix("build-") for name in _live(database)}
    return [
        Problem(f"{paths.runtime}/{name}", "the runtime's state of a container that does not run", _SHUTDOWN)
        for name in present
        # newer versions of crun keep compiled seccomp filters in .cache beside the states.
        if not name.startswith(".")
        and name.removeprefix("build-") not in live
        and os.path.isdir(f"{paths.runtime}/{name}")
    ]


def _networks(database: Database, paths: Paths) -> list[Problem]:
    with Netlink() as netlink:
        names = {link.name for link in links.list_links(netlink)}
    with database.transaction():
        live = _live(database)
        held = endpoints.read(database)
        bridges = {network.bridge for network in networks.list_networks(database, paths)}
    found = [
        Problem(f"endpoint {endpoint.id}", f"{endpoint.ip} is kept by {endpoint.container_id}, which has ended", _NEXT)
        for endpoint in held
        if endpoint.container_id not in live
    ]
    found += [
        Problem(f"interface {name}", "a bridge without a network", f"ip link delete {name}")
        for name in _ours(names, f"sp{paths.key}")
        if name not in bridges
    ]
    # An interface dies a moment after its container's namespace: only one that stays is a leftover, and it is harmless.
    found += [
        Problem(lost, "containers that run need it, and it is not whole", "sampan system check --repair")
        for lost in upkeep.damages(database, paths)
    ]
    return found


def _ours(names: Iterable[str], prefix: str) -> list[str]:
    return sorted(name for name in names if name.startswith(prefix))
