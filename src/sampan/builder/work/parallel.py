"""Stages side by side."""

import threading

from sampan.builder.work.performing import Interrupted
from sampan.builder.work.stages import Shared, StageWork
from sampan.linux import cancellation, cgroup, process
from sampan.storage import leases
from sampan.storage.database import Database


class Parallel:
    """Stages that do not need each other, each in a thread."""

    def __init__(self, database: Database, shared: Shared, pending: list[StageWork]) -> None:
        self._database, self._shared, self._pending = database, shared, pending
        self._failures: list[BaseException] = []
        self._cancellation = cancellation.current()

    def run(self) -> None:
        """Raises the first stage's error after all have ended."""
        # Not join(): in Python 3.11 a join that a signal interrupts takes its thread for ended.
        ended = [threading.Event() for _ in self._pending]
        for stage, event in zip(self._pending, ended, strict=True):
            threading.Thread(target=self._stage, args=(stage, event), name="stage").start()
        try:
            for event in ended:
                event.wait()
        except BaseException:
            self._cancel()
            for event in ended:
                event.wait()
            raise
        if self._failures:
            raise self._failures[0]

    def _stage(self, stage: StageWork, ended: threading.Event) -> None:
        cancellation.adopt(self._cancellation)
        try:
            for index in sorted(stage.planned.needs):
                self._shared.stages[index].done.wait()
                if self._shared.cancelled.is_set():
                    return
            stage.run()
        except Interrupted:
            return
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            if not self._shared.cancelled.is_set():
                self._failures.append(error)
            self._cancel()
        finally:
            ended.set()

    def _cancel(self) -> None:
        """Let every stage end: none begins another step, and what runs is killed."""
        self._shared.cancelled.set()
        for stage in self._pending:
            stage.done.set()
        pid, started, _ = process.own_identity()
        for lease in leases.all_leases(self._database):
            kind, _, path = lease.resource.partition(":")
            if kind == "cgroup" and "/build-" in path and (lease.pid, lease.pid_start) == (pid, started):
                cgroup.kill(path)
