"""What a control group has used, read out of the texts of its files. Pure but for `read`.

Version 1: kernel documentation admin-guide/cgroup-v1 (cpuacct, memory, blkio-controller, pids). Version 2:
admin-guide/cgroup-v2.
"""

from collections.abc import Iterable, Mapping

from sampan.values import NamedTuple

FILES_V1 = (
    "cpuacct.usage",
    "memory.usage_in_bytes",
    "memory.limit_in_bytes",
    "memory.stat",
    "blkio.throttle.io_service_bytes_recursive",
    "pids.current",
)
FILES_V2 = ("cpu.stat", "memory.current", "memory.max", "memory.stat", "io.stat", "pids.current")


class Usage(NamedTuple):
    """`cpu_ns` is the time on all CPUs so far, `memory_bytes` leaves out the cache that can be given back, and
    `memory_limit_bytes` is 0 where there is no limit. Bytes read and written count block devices."""

    cpu_ns: int = 0
    memory_bytes: int = 0
    memory_limit_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    pids: int = 0


def read(folders: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """The texts of the files `names`, each from the first folder that has it. What is not there is left out."""
    places = list(folders)
    found: dict[str, str] = {}
    for name in names:
        for folder in places:
            try:
                with open(f"{folder}/{name}") as file:
                    found[name] = file.read()
            except OSError:
                continue  # another hierarchy, or the group has just gone
            break
    return found


def usage_v1(files: Mapping[str, str]) -> Usage:
    """From the texts of FILES_V1; a missing one counts as 0."""
    cache = _fields(files.get("memory.stat", "")).get("total_inactive_file", 0)
    limit = _number(files.get("memory.limit_in_bytes", ""))
    read_bytes, written_bytes = _throttled(files.get("blkio.throttle.io_service_bytes_recursive", ""))
    return Usage(
        cpu_ns=_number(files.get("cpuacct.usage", "")),
        memory_bytes=_without(_number(files.get("memory.usage_in_bytes", "")), cache),
        # "No limit" is the largest number of whole pages in 63 bits.
        memory_limit_bytes=limit if limit < 1 << 62 else 0,
        read_bytes=read_bytes,
        written_bytes=written_bytes,
        pids=_number(files.get("pids.current", "")),
    )


def usage_v2(files: Mapping[str, str]) -> Usage:
    """From the texts of FILES_V2; a missing one counts as 0."""
    cache = _fields(files.get("memory.stat", "")).get("inactive_file", 0)
    read_bytes, written_bytes = _transferred(files.get("io.stat", ""))
    return Usage(
        cpu_ns=_fields(files.get("cpu.stat", "")).get("usage_usec", 0) * 1000,
        memory_bytes=_without(_number(files.get("memory.current", "")), cache),
        memory_limit_bytes=_number(files.get("memory.max", "")),
        read_bytes=read_bytes,
        written_bytes=written_bytes,
        pids=_number(files.get("pids.current", "")),
    )


def network_bytes(text: str) -> tuple[int, int]:
    """(received, sent) over all interfaces but the loopback of a /proc/PID/net/dev."""
    received = sent = 0
    for line in text.splitlines():
        name, colon, numbers = line.partition(":")
        fields = numbers.split()
        if colon and name.strip() != "lo" and len(fields) >= 9:
            received += _number(fields[0])
            sent += _number(fields[8])
    return received, sent


def _number(text: str) -> int:
    """0 for what is no number, such as "max"."""
    text = text.strip()
    return int(text) if text.isdecimal() else 0


def _without(usage: int, cache: int) -> int:
    """The two files are read one after the other, so the cache may be the larger one."""
    return usage - cache if cache < usage else usage


def _fields(text: str) -> dict[str, int]:
    """Lines of a name and a number."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: _number(pair[1]) for pair in pairs if len(pair) == 2}


def _throttled(text: str) -> tuple[int, int]:
    """Lines such as "254:0 Read 4096"."""
    sums = {"Read": 0, "Write": 0}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in sums:
            sums[words[1]] += _number(words[2])
    return sums["Read"], sums["Write"]


def _transferred(text: str) -> tuple[int, int]:
    """Lines such as "254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0"."""
    sums = {"rbytes": 0, "wbytes": 0}
    for line in text.splitlines():
        for word in line.split()[1:]:
            name, _, number = word.partition("=")
            if name in sums:
                sums[name] += _number(number)
    return sums["rbytes"], sums["wbytes"]
