"""A soak: random verbs on a few containers, by several workers at once, some of them killed; then whatever is left is
counted.

Which verbs is decided by the seed; how they meet is not. An error that a command tells is fine here: two workers want
contrary things. A traceback, a command that hangs, and anything that is left at the end are not.
"""

import os
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable

from sampan.engine.supervision import presence
from sampan.linux import process
from sampan.storage.paths import paths_of
from sampan.testing import leftovers, remains
from sampan.testing.command import Sampan
from sampan.testing.waiting import NeverSo, until

NAMES = tuple(f"box{number}" for number in range(10))
NETWORKS = ("left", "right")
IMAGE = "busybox:latest"
_HANGS_SECONDS = 90
_KILLED_SHARE = 0.04
_SETTLED_SECONDS = 60
_TABLES = (
    "container", "endpoint", "port", "lease", "volume", "volume_use", "health_due", "log_rotation", "image", "snapshot",
)  # fmt: skip
_SCRIPT = "trap 'exit 0' TERM; while :; do seq 200; sleep 0.2; done"


class Soak:
    """One soak of the root of `sampan`. `failures` are what must not be, `told` counts errors that commands told."""

    def __init__(self, sampan: Sampan, seed: int) -> None:
        self.sampan = sampan
        self.paths = paths_of(sampan.root)
        self.seed = seed
        self.failures: list[str] = []
        self.told: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self._until = 0.0

    def random_verbs(self, seconds: float, workers: int = 4) -> None:
        """Let `workers` do random things for so long."""
        self._until = time.monotonic() + seconds
        for name in NETWORKS:
            self.sampan("network", "create", name)
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def short_containers(self, count: int) -> None:
        """One after the other, each of another kind."""
        kinds: tuple[tuple[str, ...], ...] = (
            ("--network", "none"),
            (),
            ("-p", "127.0.0.1:0:80"),
            ("--network", NETWORKS[0]),
            ("-v", "/anonymous"),
        )
        for number in range(count):
            self.call("short", "run", "--rm", *kinds[number % len(kinds)], IMAGE, "true", is_told=False)

    def clean_up(self) -> None:
        """Remove everything that the verbs made, as a user does."""
        ids = self.sampan("ps", "-aq").out.split()
        for container_id in ids:
            self.call("rm", "rm", "-f", "-v", container_id)
        for name in NETWORKS:
            self.call("network rm", "network", "rm", name)
        self.call("prune", "volume", "prune", "-a", "-f")
        self.call("rmi", "rmi", "kept:1")
        self.call("prune", "image", "prune", "-f")

    def call(self, what: str, *words: str, kill_after: float = -1, is_told: bool = True) -> None:
        """Run a command to its end, or kill it; `is_told` takes errors that it tells."""
        self.done[what] += 1
        started = subprocess.Popen(
            self.sampan.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        try:
            _, err = started.communicate(timeout=kill_after if kill_after >= 0 else _HANGS_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.communicate()
            if kill_after < 0:
                self.failures.append(f"hangs: {' '.join(words)}")
            return
        if "Traceback" in err:
            self.failures.append(f"{' '.join(words)}:\n{err}")
        elif started.returncode and not is_told:
            self.failures.append(f"{' '.join(words)}: exit code {started.returncode}: {err}")
        elif started.returncode:
            self.told[_without_names(err)] += 1

    def _work(self, number: int) -> None:
        dice = random.Random(f"{self.seed} {number}")
        verbs, weights = zip(*_VERBS, strict=True)
        try:
            while time.monotonic() < self._until:
                words = dice.choices(verbs, weights)[0](dice)
                if not words:
                    self._murder(dice)
                    continue
                kill_after = dice.uniform(0, 0.2) if dice.random() < _KILLED_SHARE else -1
                self.call(words[0] if kill_after < 0 else "killed", *words, kill_after=kill_after)
        except Exception as error:  # noqa: BLE001 - a worker that fails is a failure of the soak
            self.failures.append(f"worker {number}: {error!r}")

    def _murder(self, dice: random.Random) -> None:
        """Kill the supervisor, a monitor, or the first process of a container."""
        victim = dice.choice(("supervisor", "monitor", "init"))
        self.done[f"kill -9 of {victim}"] += 1
        if victim == "supervisor":
            found = [holder] if (holder := presence.holder(self.paths)) else []
        else:
            columns = "monitor_pid, monitor_start" if victim == "monitor" else "pid, pid_start"
            found = self._rows(f"SELECT {columns} FROM container WHERE pid > 0")
        if not found:
            return
        pid, started = dice.choice(found)
        if process.is_alive(pid, started):
            os.kill(pid, signal.SIGKILL)

    def _rows(self, query: str) -> list[tuple[int, int]]:
        connection = sqlite3.connect(f"file:{self.paths.database}?mode=ro", uri=True, timeout=30)
        try:
            return [(int(row[0]), int(row[1])) for row in connection.execute(query)]
        finally:
            connection.close()

    def counts(self) -> dict[str, int]:
        """How many of everything there are of this root."""
        found = Counter(leftover.kind for leftover in leftovers.leftovers([self.paths]))
        pids = [
            leftover.what.split()[0] for leftover in leftovers.leftovers([self.paths]) if leftover.kind == "process"
        ]
        result = {
            "processes": found["process"],
            "file descriptors of them": sum(map(_descriptors, pids)),
            "network namespaces of them": len({_namespace(pid) for pid in pids} - {"", _namespace("self")}),
            "mounts": found["mount"],
            "bridges and veths": sum(
                name.startswith(("sp" + self.paths.key, "v" + self.paths.key)) for name in os.listdir("/sys/class/net")
            ),
            "lines of rules": found["firewall"],
            "control groups": sum(1 for path in _groups(self.paths.cgroup)),
        }
        for table in _TABLES:
            result[f"rows of {table}"] = self._rows(f"SELECT count(*), 0 FROM {table}")[0][0]
        paths = self.paths
        for folder in (
            paths.containers,
            paths.volumes,
            paths.layers,
            paths.tmp,
            paths.exits,
            paths.locks,
            paths.sockets,
        ):
            result[f"entries of {os.path.basename(folder)}/"] = len(os.listdir(folder))
        return result

    def leaks(self, before: dict[str, int]) -> list[str]:
        """What there is more of than before, once all that ends has ended; and what no record explains."""

        def is_settled() -> bool:
            return not remains.remains(self.paths) and not self._more(before)

        try:
            until(is_settled, "nothing remains", _SETTLED_SECONDS)
        except NeverSo:
            return [*remains.remains(self.paths), *self._more(before)]
        return []

    def _more(self, before: dict[str, int]) -> list[str]:
        return [
            f"{what}: {number}, not {before[what]}" for what, number in self.counts().items() if number > before[what]
        ]


def _descriptors(pid: str) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _namespace(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _groups(top: str) -> list[str]:
    from sampan.linux import cgroup

    return [entry.path for folder in cgroup.folders(top) for entry in os.scandir(folder) if entry.is_dir()]


def _without_names(text: str) -> str:
    """The first line of an error, so that the same ones count together."""
    line = text.strip().partition("\n")[0]
    return re.sub(r"\bbox\d\b", "NAME", re.sub(r"\b[0-9a-f]{12,64}\b", "ID", line))


def _run(dice: random.Random) -> tuple[str, ...]:
    words = ["run", "-d", "--name", dice.choice(NAMES)]
    words += dice.choice(
        (
            ["--network", "none"],
            [],
            ["-p", "127.0.0.1:0:80"],
            ["--network", dice.choice(NETWORKS), "--network-alias", "it"],
            ["--network", "host"],
        )
    )
    words += dice.choice(([], [], ["--rm"], ["--restart", "always"], ["--restart", "on-failure:3"]))
    words += dice.choice(([], ["-v", "data:/data"], ["-v", "/anonymous"], ["--tmpfs", "/scratch"]))
    words += dice.choice(([], [], ["--health-cmd", "true", "--health-interval", "300ms"]))
    words += dice.choice(
        (
            [],
            [],
            [
                "--log-opt",
                "max-size=20k",
                "--log-opt",
                "max-file=3",
                "--log-opt",
                f"compress={dice.choice(('true', 'false'))}",
            ],
        )
    )
    script = dice.choice((_SCRIPT, _SCRIPT, "sleep 0.3; exit 3", "exit 0"))
    return (*words, IMAGE, "sh", "-c", script)


def _on(*words: str) -> Callable[[random.Random], tuple[str, ...]]:
    """A verb with a random container where NAME stands and a random network where NETWORK stands."""

    def choose(dice: random.Random) -> tuple[str, ...]:
        chosen = {"NAME": dice.choice(NAMES), "NETWORK": dice.choice(NETWORKS)}
        return tuple(word.replace("NAME", chosen["NAME"]).replace("NETWORK", chosen["NETWORK"]) for word in words)

    return choose


_VERBS: tuple[tuple[Callable[[random.Random], tuple[str, ...]], int], ...] = (
    (_run, 30),
    (_on("start", "NAME"), 8),
    (_on("stop", "-t", "1", "NAME"), 8),
    (_on("restart", "-t", "0", "NAME"), 6),
    (_on("kill", "NAME"), 5),
    (_on("rm", "-f", "-v", "NAME"), 14),
    (_on("rm", "NAME"), 3),
    (_on("exec", "NAME", "sh", "-c", "echo x > /tmp/x; seq 100"), 8),
    (_on("exec", "-d", "NAME", "sleep", "0.2"), 2),
    (_on("cp", "NAME:/etc/passwd", "-"), 2),
    (_on("cp", "/etc/hostname", "NAME:/root/copied"), 4),
    (_on("logs", "--tail", "5", "NAME"), 3),
    (_on("pause", "NAME"), 3),
    (_on("unpause", "NAME"), 4),
    (_on("network", "connect", "NETWORK", "NAME"), 4),
    (_on("network", "disconnect", "-f", "NETWORK", "NAME"), 3),
    (_on("commit", "NAME", "kept:1"), 1),
    (_on("inspect", "NAME"), 2),
    (_on("diff", "NAME"), 1),
    (_on("export", "NAME"), 1),
    (_on("rename", "NAME", "box0"), 1),
    (_on("top", "NAME"), 1),
    (_on("why", "NAME"), 1),
    (_on("ps", "-a"), 2),
    (_on("update", "--restart", "no", "NAME"), 2),
    (_on("container", "prune", "-f"), 1),
    (_on("system", "check"), 1),
    (lambda dice: (), 5),
)
