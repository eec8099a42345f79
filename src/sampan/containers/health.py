"""Health checks: a probe is an exec in the container, and what it says changes the state as in Docker's engine."""

import os
import select
import signal
import time
from collections.abc import Collection
from typing import Any, NamedTuple

from sampan.containers import execs, happenings, store
from sampan.containers.claims import cgroups_path
from sampan.containers.model import Container
from sampan.containers.options import ExecOptions
from sampan.containers.streams import Streams
from sampan.containers.timestamp import rfc3339
from sampan.errors import SampanError, StartFailed
from sampan.linux import cgroup, process
from sampan.oci.config import ContainerConfig, HealthConfig
from sampan.runtime import driver
from sampan.storage.database import Database
from sampan.storage.paths import Paths

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
_INTERVAL_NS = _TIMEOUT_NS = 30 * 10**9
_START_INTERVAL_NS = 5 * 10**9
_RETRIES = 3
_LOG_ENTRIES = 5
_OUTPUT_BYTES = 4096
_KILLED_CODE = 137


class ProbeResult(NamedTuple):
    """One probe. Times in ns since the epoch; exit code 0 is healthy, -1 a probe that failed to run or to end."""

    started_at: int
    ended_at: int
    exit_code: int
    output: str


def with_defaults(check: HealthConfig) -> HealthConfig:
    """The check with Docker's value wherever none was set."""
    return check._replace(
        interval_ns=check.interval_ns or _INTERVAL_NS,
        timeout_ns=check.timeout_ns or _TIMEOUT_NS,
        start_interval_ns=check.start_interval_ns or _START_INTERVAL_NS,
        retries=check.retries or _RETRIES,
    )


def next_state(health: dict[str, Any], result: ProbeResult, check: HealthConfig, age_ns: int) -> dict[str, Any]:
    """State.Health after a probe of a container that had run for `age_ns` when it began.

    A success makes it healthy at once. A failure counts, except in the start period as long as none has succeeded;
    `retries` in a row make it unhealthy.
    """
    full = with_defaults(check)
    entry = {
        "Start": rfc3339(result.started_at),
        "End": rfc3339(result.ended_at),
        "ExitCode": result.exit_code,
        "Output": result.output,
    }
    status, streak = str(health.get("Status", STARTING)), int(health.get("FailingStreak", 0))
    if result.exit_code == 0:
        status, streak = HEALTHY, 0
    elif not (status == STARTING and age_ns < full.start_period_ns):
        streak += 1
        if streak >= full.retries:
            status = UNHEALTHY
    log = [*health.get("Log", []), entry][-_LOG_ENTRIES:]
    return {"Status": status, "FailingStreak": streak, "Log": log}


def pause_ns(health: dict[str, Any], check: HealthConfig, age_ns: int) -> int:
    """Time between the end of a probe and the next one: shorter in the start period while it is still starting."""
    full = with_defaults(check)
    is_starting = health.get("Status", STARTING) == STARTING and age_ns < full.start_period_ns
    return full.start_interval_ns if is_starting else full.interval_ns


def command(config: ContainerConfig) -> tuple[str, ...]:
    """The words to execute for a container's check, () when it has none."""
    test = config.healthcheck.test if config.healthcheck else ()
    if len(test) < 2 or test[0] == "NONE":
        return ()
    if test[0] == "CMD-SHELL":
        return (*(config.shell or ("/bin/sh", "-c")), test[1])
    return test[1:] if test[0] == "CMD" else ()


class Probe:
    """A probe that runs: poll `descriptors` (its end, its output) at most until `deadline` (time.monotonic())."""

    __slots__ = (
        "_check",
        "_container",
        "_ended",
        "_output",
        "_paths",
        "_reader",
        "_running",
        "_started_at",
        "deadline",
    )

    def __init__(self, paths: Paths, container: Container) -> None:
        """Start it. Raises SampanError or OSError when it cannot be."""
        self._paths = paths
        self._container = container
        self._check = with_defaults(container.spec.config.healthcheck or HealthConfig())
        self._output = b""
        self._started_at = time.time_ns()
        self.deadline = time.monotonic() + self._check.timeout_ns / 1e9
        self._reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        try:
            options = ExecOptions(command(container.spec.config))
            self._running = execs.spawn(paths, container, options, Streams(-1, writer, writer))
        except BaseException:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
        self._ended = os.pidfd_open(self._running.pid)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What becomes readable when it has written or ended."""
        return (self._ended,) if self._reader < 0 else (self._ended, self._reader)

    def is_over(self) -> bool:
        """Take what it has written; whether it has ended or its time is up, so that `finish` does not wait."""
        self._read()
        return self._has_ended() or time.monotonic() >= self.deadline

    def finish(self) -> ProbeResult:
        """Collect a probe that has ended; one that has not is killed."""
        is_late = not self._has_ended()
        if is_late:
            self._kill()
        try:
            code = execs.wait(self._paths, self._container, self._running, command(self._container.spec.config)[0])
        except SampanError as error:
            code, self._output = -1, error.message.encode()
        self._read()
        self._close()
        if is_late:
            told = f": {self._text()}" if self._output else ""
            limit = go_duration(self._check.timeout_ns)
            return self._result(-1, f"Health check exceeded timeout ({limit}){told}")
        return self._result(code, self._text())

    def _result(self, code: int, output: str) -> ProbeResult:
        return ProbeResult(self._started_at, time.time_ns(), code, output)

    def _read(self) -> None:
        while self._reader >= 0:
            try:
                data = os.read(self._reader, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                os.close(self._reader)
                self._reader = -1
            # One byte more than is kept, to know whether to say that it was cut.
            self._output = (self._output + data)[: _OUTPUT_BYTES + 1]

    def _close(self) -> None:
        os.close(self._ended)
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PIDFD, self._ended, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _kill(self) -> None:
        """The process inside first: the runtime, which waits for it, would leave it running."""
        try:
            with open(self._running.folder + "/pid") as file:
                inner = int(file.read() or 0)
        except FileNotFoundError:
            inner = 0
        if inner:
            for pid in _family(inner, cgroup.processes(cgroups_path(self._paths, self._container))):
                driver.send_signal(pid, signal.SIGKILL)
        driver.send_signal(self._running.pid, signal.SIGKILL)

    def _text(self) -> str:
        text = self._output[:_OUTPUT_BYTES].decode(errors="replace")
        return text + "..." if len(self._output) > _OUTPUT_BYTES else text


def _family(ancestor: int, members: Collection[int]) -> list[int]:
    """`ancestor` and its descendants among `members`, a container's processes: a shell's children outlive the shell."""
    parents = {pid: _parent(pid) for pid in members}
    family = [ancestor] if ancestor in parents else []
    for pid in family:
        family += [child for child, parent in parents.items() if parent == pid]
    return family


def _parent(pid: int) -> int:
    """Field 4 of /proc/PID/stat; 0 for a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(text[text.rindex(b")") + 2 :].split()[1])


def go_duration(nanoseconds: int) -> str:
    """A duration as Go prints it: 30s, 1m30s, 1.5s, 200ms."""
    if nanoseconds < 10**9:
        for unit, name in ((10**6, "ms"), (10**3, "µs")):
            if nanoseconds >= unit:
                return f"{nanoseconds / unit:.6f}".rstrip("0").rstrip(".") + name
        return f"{nanoseconds}ns" if nanoseconds else "0s"
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1e9:.9f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def run_probe(paths: Paths, container: Container) -> ProbeResult:
    """One probe from beginning to end. Raises SampanError or OSError when nothing can be started in the container."""
    began = time.time_ns()
    try:
        probe = Probe(paths, container)
    except StartFailed as error:
        return ProbeResult(began, time.time_ns(), -1, error.message)
    while not probe.is_over():
        poll = select.poll()
        for descriptor in probe.descriptors:
            poll.register(descriptor, select.POLLIN)
        poll.poll(max(probe.deadline - time.monotonic(), 0) * 1000)
    return probe.finish()


def record(database: Database, container: Container, result: ProbeResult) -> dict[str, Any] | None:
    """Store what a probe says: the state after it, None when this run of the container is over."""
    import json

    check = container.spec.config.healthcheck
    with database.transaction():
        current = store.get(database, container.id)
        if check is None or current is None or not current.is_running or current.started_at != container.started_at:
            return None
        before = current.health or {}
        state = next_state(before, result, check, _age_ns(current, result))
        store.update(database, container.id, health=json.dumps(state, separators=(",", ":")))
        # Told at once when it is over: that it began is worth no transaction of its own.
        identity = happenings.executed(database, current, command(current.spec.config), at=result.started_at)
        code = result.exit_code if result.exit_code >= 0 else _KILLED_CODE
        happenings.execution_ended(database, current, identity, code, at=result.ended_at)
        if state["Status"] != before.get("Status"):
            happenings.record(database, current, f"health_status: {state['Status']}")
    return state


def _age_ns(container: Container, result: ProbeResult) -> int:
    """How long it had run when the probe that has just ended began; the clock may have been set meanwhile."""
    took = max(result.ended_at - result.started_at, 0)
    return max(int(process.age_seconds(container.pid_start) * 1e9) - took, 0)


def due(database: Database) -> dict[str, tuple[int, str]]:
    """The containers that are to be probed: id to (started at, status)."""
    rows = database.rows(
        "SELECT d.container_id, c.started_at, c.status FROM health_due d JOIN container c ON c.id = d.container_id"
    )
    return {str(row[0]): (int(row[1] or 0), str(row[2])) for row in rows}


def is_alive(container: Container) -> bool:
    """Whether the container's first process still runs: otherwise nothing can be executed in it."""
    return container.is_running and process.is_alive(container.pid, container.pid_start)
