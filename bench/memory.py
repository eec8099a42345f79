"""What stays in memory: each idle container's monitor, the supervisor, and nothing when no container runs."""

import os
import time
from typing import NamedTuple

from bench.engines import Engine
from sampan.storage.paths import paths_of

CONTAINERS = 5
CHECKED = 200


class Memory(NamedTuple):
    """PSS, proportional set size, in bytes: shared pages count for each of their users by a share.

    The supervisor, with its guard, is measured while it watches the health of CHECKED containers; it is gone when there
    is nothing to watch.
    """

    per_container: int
    supervisor: int
    resident_without_containers: int


def measure(engine: Engine) -> Memory:
    """Start idle containers, add up what they keep in memory besides their own process, remove them."""
    root = engine.command[engine.command.index("--root") + 1]
    names = [f"idle{number}" for number in range(CONTAINERS)]
    engine.try_to("rm", "-f", *names)
    for name in names:
        engine("run", "-d", "--network", "none", "--name", name, "busybox:latest", "sleep", "100000")
    check = ("--health-cmd", "true", "--health-interval", "10s")
    for number in range(CHECKED):
        names.append(f"checked{number}")
        engine("run", "-d", "--network", "none", "--name", names[-1], *check, "busybox:latest", "sleep", "100000")
    time.sleep(12)  # a probe of each
    own = processes_of(root)
    monitors = [pid for pid, words in own.items() if os.path.basename(words[0]) == "conmon"]
    others = [pid for pid, words in own.items() if pid not in monitors and "watch" in words]
    monitor_bytes = sum(pss(pid) for pid in monitors)
    supervisor_bytes = sum(pss(pid) for pid in others)
    count = max(1, len(monitors))
    engine("rm", "-f", *names)
    engine("system", "shutdown")
    return Memory(monitor_bytes // count, supervisor_bytes, sum(pss(pid) for pid in processes_of(root)))


def processes_of(root: str) -> dict[int, list[str]]:
    """Processes whose command line names `root` or its run directory."""
    paths = paths_of(root)
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if any(word == paths.root or word.startswith((paths.root + "/", paths.run + "/")) for word in words):
                found[int(name)] = words
    return found


def pss(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
