"""The health checks of one root: each container's probe at its time, and the end of who has died."""

import os
import time
from collections.abc import Callable

from sampan.containers import ending, health, restart, store
from sampan.containers.model import Container
from sampan.engine.supervision.journal import Journal
from sampan.errors import SampanError
from sampan.linux import process
from sampan.storage import locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_RECHECK_SECONDS = 0.25
_LONGEST_RECHECK_SECONDS = 5.0


class _Patient:
    """One run of a container with a check. Moments by time.monotonic().

    `ended_pause` is not 0 when its process is gone and somebody is about to record that; `look_at` is then when to see
    whether it has been, otherwise when to probe.
    """

    __slots__ = ("container", "ended_pause", "look_at", "pidfd", "probe")

    def __init__(self, container: Container, pidfd: int) -> None:
        self.container = container
        self.pidfd = pidfd
        self.probe: health.Probe | None = None
        self.look_at = 0.0
        self.ended_pause = 0.0

    def has_ended(self) -> None:
        """Its process is gone."""
        if not self.ended_pause:
            self.ended_pause = _RECHECK_SECONDS
            self.look_at = time.monotonic() + self.ended_pause


class Checks:
    """Who is in the table health_due is looked after until its row goes."""

    def __init__(
        self, database: Database, paths: Paths, journal: Journal, end_unhealthy: Callable[[str], None]
    ) -> None:
        self._database = database
        self._paths = paths
        self._journal = journal
        self._end_unhealthy = end_unhealthy
        self._patients: dict[str, _Patient] = {}

    def look(self) -> None:
        """Do what is due. What fails for one container does not touch the others."""
        self._admit_and_discharge()
        for container_id, patient in list(self._patients.items()):
            try:
                self._treat(patient)
            except Exception as error:  # noqa: BLE001 - any failure of one must leave the others watched
                self._journal.failure(f"health check of container {container_id}", error)
                patient.probe = None
                self._plan(patient)

    def is_idle(self) -> bool:
        return not self._patients

    def descriptors(self) -> list[int]:
        """What becomes readable when a probe or a container has something to tell."""
        found = []
        for patient in self._patients.values():
            if not patient.ended_pause:
                found += [*(patient.probe.descriptors if patient.probe else ()), patient.pidfd]
        return found

    def notice(self, descriptor: int) -> None:
        """Take note of one of `descriptors` that has become readable."""
        for patient in self._patients.values():
            if patient.pidfd == descriptor:
                patient.has_ended()

    def moments(self) -> list[float]:
        """When to look again, by time.monotonic()."""
        return [
            patient.probe.deadline if patient.probe and not patient.ended_pause else patient.look_at
            for patient in self._patients.values()
        ]

    def close(self) -> None:
        """Kill probes that run."""
        for container_id in list(self._patients):
            self._discharge(container_id)

    def _admit_and_discharge(self) -> None:
        """Read only the records of those that have changed: one query tells which, however many there are."""
        wanted = health.due(self._database)
        for container_id in self._patients.keys() - wanted.keys():
            self._discharge(container_id)
        for container_id, (started_at, status) in wanted.items():
            known = self._patients.get(container_id)
            if known is not None and (known.container.started_at, known.container.status) == (started_at, status):
                continue
            container = store.get(self._database, container_id)
            if container is None:
                continue
            if known is not None and known.container.started_at == container.started_at:
                known.container = container
                continue
            self._discharge(container_id)
            self._admit(container)

    def _admit(self, container: Container) -> None:
        try:
            pidfd = os.pidfd_open(container.pid)
        except (ProcessLookupError, OSError):
            pidfd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        patient = self._patients[container.id] = _Patient(container, pidfd)
        self._plan(patient)
        if not health.is_alive(container):
            patient.has_ended()

    def _discharge(self, container_id: str) -> None:
        patient = self._patients.pop(container_id, None)
        if patient is None:
            return
        os.close(patient.pidfd)
        if patient.probe is not None:
            try:
                patient.probe.finish()
            except (SampanError, OSError) as error:
                self._journal.failure(f"last health check of container {container_id}", error)

    def _plan(self, patient: _Patient) -> None:
        """The next probe comes a pause after the last one, or after the start."""
        container = patient.container
        check = container.spec.config.healthcheck
        assert check is not None
        age = process.age_seconds(container.pid_start)
        pause = health.pause_ns(container.health or {}, check, int(age * 1e9)) / 1e9
        passed = 0.0 if (container.health or {}).get("Log") else age
        patient.look_at = time.monotonic() + min(max(pause - passed, 0.0), pause)

    def _treat(self, patient: _Patient) -> None:
        if patient.ended_pause:
            if patient.look_at <= time.monotonic():
                self._see_off(patient)
        elif patient.probe is not None:
            if patient.probe.is_over():
                result, patient.probe = patient.probe.finish(), None
                self._record(patient, result)
        elif patient.look_at <= time.monotonic():
            self._begin(patient)

    def _begin(self, patient: _Patient) -> None:
        container = patient.container
        if not health.is_alive(container):
            patient.has_ended()
            return
        if container.status == "paused":
            self._plan(patient)
            return
        began = time.time_ns()
        try:
            patient.probe = health.Probe(self._paths, container)
        except (SampanError, OSError) as error:
            if health.is_alive(container):
                self._record(patient, health.ProbeResult(began, time.time_ns(), -1, str(error)))
            else:
                patient.has_ended()

    def _record(self, patient: _Patient, result: health.ProbeResult) -> None:
        health.record(self._database, patient.container, result)
        patient.container = store.get(self._database, patient.container.id) or patient.container
        if patient.container.status == "running" and restart.is_unhealthy(patient.container):
            self._end_unhealthy(patient.container.id)
        self._plan(patient)

    def _see_off(self, patient: _Patient) -> None:
        """Its end is usually recorded within a moment by its monitor's exit command or who attends it; else by us."""
        container_id = patient.container.id
        if not locks.is_attended(self._paths, container_id):
            ending.settle(self._database, self._paths, container_id)
        patient.ended_pause = min(patient.ended_pause * 2, _LONGEST_RECHECK_SECONDS)
        patient.look_at = time.monotonic() + patient.ended_pause
