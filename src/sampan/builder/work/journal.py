"""What a build writes down of its steps while it goes on, from any thread."""

import threading
import time
from typing import NamedTuple

from sampan.builder.plan.steps import PlannedStage, Step
from sampan.builder.report import CACHED, BuildReport, StepReport, Times


class Noted(NamedTuple):
    """A step that has ended, and the snapshot that it made, "" for none."""

    step: StepReport
    snapshot_id: str = ""


class Journal:
    """Times are seconds since it was made."""

    def __init__(self) -> None:
        self._began_ns = time.time_ns()
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._notes: list[Noted] = []
        self._hashed: dict[str, float] = {}
        self.advice = ""
        self.error = ""

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    def cached(self, stage: PlannedStage, step: Step, began: float = 0.0, look: float = 0.0) -> None:
        """A step whose stored result was taken."""
        self.add(StepReport(step.title, stage.index, step.line.first, CACHED, began=began, times=Times(look=look)))

    def add(self, step: StepReport, snapshot_id: str = "") -> None:
        with self._lock:
            self._notes.append(Noted(step, snapshot_id))

    def hashed(self, snapshot_id: str, seconds: float) -> None:
        """How long it took to hash the layer of a step."""
        with self._lock:
            self._hashed[snapshot_id] = seconds

    def report(self, name: str) -> BuildReport:
        """All that was written down, in the order in which steps ended."""
        with self._lock:
            steps = tuple(
                step._replace(times=step.times._replace(hash=self._hashed.get(snapshot_id, 0.0)))
                for step, snapshot_id in self._notes
            )
        return BuildReport(name, self._began_ns, self.now, steps, self.advice, self.error)
