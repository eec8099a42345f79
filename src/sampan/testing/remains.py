"""What a root holds that no record explains, while no command works on it: leaks, in the folder and in the kernel.

`system check` says what a user has to know; this says everything, also what is only untidy.
"""

import os
import sqlite3
from collections.abc import Iterator
from itertools import product

from sampan.linux import cgroup, links, process
from sampan.linux.netlink import Netlink
from sampan.linux.nfnetlink import Firewall
from sampan.networks import ruleset
from sampan.storage.paths import Paths, paths_of
from sampan.testing.waiting import NeverSo, until

_MONITORS_AND_RUNTIMES = ("conmon", "crun", "runc")


class Remains(AssertionError):
    """Something is there that no record explains, or is missing though one names it."""


def assert_none(root: str, timeout_seconds: float = 10) -> None:
    """Raises Remains. Interfaces die, and exit commands end, a moment after their container: that is waited for."""
    paths = paths_of(root)
    try:
        until(lambda: not remains(paths), "nothing remains", timeout_seconds)
    except NeverSo:
        raise Remains("\n".join(remains(paths))) from None


def wait_for_monitors(root: str) -> None:
    """Wait until every monitor of the root has ended: the containers have, and their exit commands."""
    paths = paths_of(root)
    until(lambda: not process.with_argument(paths.sockets, ("conmon",)), "no monitor is left")


def wait_for_exit_commands(root: str) -> None:
    """Wait until no exit command of the root's containers runs."""
    until(lambda: not any(_exit_commands(paths_of(root))), "no exit command runs")


def _exit_commands(paths: Paths) -> Iterator[str]:
    for name in filter(str.isdigit, os.listdir("/proc")):
        words = _words(int(name))
        is_monitor = os.path.basename(words[0]) == "conmon" if words else False  # it names them on its own
        if not is_monitor and "sampan.supervisor" in words and "exited" in words and paths.root in words:
            yield name


def _words(pid: int) -> list[str]:
    """The command line of a process; of one that is gone, nothing."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return words


def remains(paths: Paths) -> list[str]:
    """All that is there and should not be, or the contrary, one a line."""
    connection = sqlite3.connect(f"file:{paths.database}?mode=ro", uri=True)
    try:
        return [*_files(paths, connection), *_leases(connection), *_running(paths, connection)]
    finally:
        connection.close()


def _names(connection: sqlite3.Connection, query: str) -> set[str]:
    return {str(row[0]) for row in connection.execute(query)}


def _files(paths: Paths, connection: sqlite3.Connection) -> Iterator[str]:
    containers = _names(connection, "SELECT id FROM container")
    for folder, known, is_exact in (
        (paths.layers, _names(connection, "SELECT id FROM snapshot"), True),
        (paths.recipes, _names(connection, "SELECT id FROM snapshot WHERE recipe_size > 0"), True),
        (paths.volumes, _names(connection, "SELECT name FROM volume"), True),
        (paths.containers, containers, False),
        (paths.exits, containers, False),
        (paths.locks, containers, False),
        (paths.tmp, set[str](), True),
    ):
        present = set(os.listdir(folder))
        yield from (f"{folder}/{name}: nothing names it" for name in present - known)
        yield from (f"{folder}/{name}: missing" for name in (known - present if is_exact else ()))


def _leases(connection: sqlite3.Connection) -> Iterator[str]:
    for resource, pid in connection.execute("SELECT resource, pid FROM lease"):
        yield f"lease of {resource} by process {pid}"


def _running(paths: Paths, connection: sqlite3.Connection) -> Iterator[str]:
    """Processes, control groups, interfaces and ports against the containers that are recorded as running."""
    live = _names(connection, "SELECT id FROM container WHERE status IN ('running', 'paused')")
    yield from (f"process {pid} {name}" for pid, name in _makers(paths, live))
    groups = {entry.name for folder in cgroup.folders(paths.cgroup) for entry in os.scandir(folder) if entry.is_dir()}
    yield from (f"control group {name}" for name in groups - live)
    yield from (f"container {name}: it has no control group" for name in live - groups)
    states = {name for name in os.listdir(paths.runtime) if not name.startswith(".")}
    yield from (f"runtime state {name}" for name in states - live)
    yield from (f"attach socket {name}" for name in set(os.listdir(paths.sockets)) - live)
    connected = _names(connection, "SELECT container_id FROM endpoint")
    yield from (f"endpoint of {name}" for name in connected - live)
    expected = _names(connection, "SELECT host_interface FROM endpoint WHERE host_interface != ''")
    with Netlink() as netlink:
        present = {link.name for link in links.list_links(netlink) if link.name.startswith("v" + paths.key)}
    yield from (f"interface {name}" for name in present - expected)
    yield from (f"interface {name}: missing" for name in expected - present)
    ports = {int(row[0]) for row in connection.execute("SELECT host_port FROM port")}
    yield from (f"rule for port {number}" for number in _forwarded(paths) - ports)
    yield from (f"rule for port {number}: missing" for number in ports - _forwarded(paths))


def _makers(paths: Paths, live: set[str]) -> Iterator[tuple[int, str]]:
    """Monitors and runtimes of this root that belong to no running container."""
    for argument in (paths.runtime, paths.sockets):
        for pid, started in process.with_argument(argument, _MONITORS_AND_RUNTIMES):
            words = _words(pid)
            if not live.intersection(words) and process.is_alive(pid, started):
                yield pid, " ".join(words)


def _forwarded(paths: Paths) -> set[int]:
    """Host ports in the table's maps; their key is protocol, (address,) port, each padded to four bytes."""
    found = set[int]()
    with Firewall() as firewall:
        for family, name in product(("ip", "ip6"), (ruleset.PORTS, ruleset.BOUND_PORTS)):
            try:
                elements = firewall.elements(family, paths.firewall_table, name)
            except FileNotFoundError:
                continue
            found.update(int.from_bytes(element.key[-4:-2], "big") for element in elements)
    return found
