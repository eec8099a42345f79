"""`stats`: what containers use at one moment, and what they used between two."""

import os
import time

from sampan.containers import claims
from sampan.containers.model import Container
from sampan.linux import accounting, cgroup
from sampan.runtime import probe
from sampan.storage.paths import Paths
from sampan.values import NamedTuple


class Sample(NamedTuple):
    """One container at one moment. `taken_ns` is on the monotonic clock; 0 for a container that does not run."""

    taken_ns: int = 0
    usage: accounting.Usage = accounting.Usage()
    received_bytes: int = 0
    sent_bytes: int = 0


class Statistics(NamedTuple):
    """A line of `stats`. `cpu_percent` is of one CPU: 200.0 are two whole ones. Sizes in bytes, since its start."""

    record: Container
    cpu_percent: float = 0.0
    memory_bytes: int = 0
    memory_limit_bytes: int = 0  # the host's memory where the container has no limit, 0 when it does not run
    received_bytes: int = 0
    sent_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    pids: int = 0


def sample(paths: Paths, container: Container) -> Sample:
    """Read the counters of a container."""
    if not container.is_running:
        return Sample()
    folders = cgroup.folders(claims.cgroups_path(paths, container))
    if probe.cgroup_version() == 1:
        usage = accounting.usage_v1(accounting.read(folders, accounting.FILES_V1))
    else:
        usage = accounting.usage_v2(accounting.read(folders, accounting.FILES_V2))
    received, sent = _network(container)
    return Sample(time.monotonic_ns(), usage, received, sent)


def between(container: Container, before: Sample, after: Sample, host_memory_bytes: int) -> Statistics:
    """What is shown from two samples of a container. Pure."""
    if not after.taken_ns:
        return Statistics(container)
    usage = after.usage
    span = after.taken_ns - before.taken_ns
    spent = usage.cpu_ns - before.usage.cpu_ns
    return Statistics(
        container,
        # It may have started, or started again, in between: then there is nothing to compare with.
        cpu_percent=100.0 * spent / span if before.taken_ns and span > 0 and spent > 0 else 0.0,
        memory_bytes=usage.memory_bytes,
        memory_limit_bytes=min(usage.memory_limit_bytes or host_memory_bytes, host_memory_bytes),
        received_bytes=after.received_bytes,
        sent_bytes=after.sent_bytes,
        read_bytes=usage.read_bytes,
        written_bytes=usage.written_bytes,
        pids=usage.pids,
    )


def host_memory() -> int:
    """Bytes of memory that the host has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _network(container: Container) -> tuple[int, int]:
    """Bytes through the interfaces of its network namespace; the host's are not the container's."""
    if container.spec.options.network == "host":
        return 0, 0
    try:
        with open(f"/proc/{container.pid}/net/dev") as file:
            return accounting.network_bytes(file.read())
    except OSError:
        return 0, 0  # it has just ended
