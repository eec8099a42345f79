"""What a build did, step by step: which were reused, why others were not, where the time went. Values only."""

import json
from typing import Any, NamedTuple

CACHED, DONE, FAILED = "cached", "done", "failed"


class Times(NamedTuple):
    """Seconds of one step: waiting for stages that it needs, looking it up (with the hashing of its files), doing it,
    and hashing its layer, which goes on beside later steps."""

    queue: float = 0.0
    look: float = 0.0
    run: float = 0.0
    hash: float = 0.0


class StepReport(NamedTuple):
    """One step. `title` is what progress shows, `state` cached, done or failed; `reason` and `files` say why it was not
    reused. `began` counts in seconds from the build's beginning; `lane` is the stage's index."""

    title: str
    lane: int
    line: int
    state: str
    reason: str = ""
    files: tuple[str, ...] = ()
    began: float = 0.0
    times: Times = Times()


class BuildReport(NamedTuple):
    """A build. `name` is its context as it was given, `began_ns` since the epoch; `advice` is how it could be faster,
    `error` why it failed, both "" where there is none."""

    name: str
    began_ns: int
    seconds: float
    steps: tuple[StepReport, ...]
    advice: str = ""
    error: str = ""


def to_text(report: BuildReport) -> str:
    """As JSON, which from_text() reads and `--explain-json` writes."""
    steps = [{**step._asdict(), "times": step.times._asdict()} for step in report.steps]
    return json.dumps({**report._asdict(), "steps": steps}, separators=(",", ":"))


def from_text(text: str) -> BuildReport:
    """Read what to_text() wrote."""
    stored: dict[str, Any] = json.loads(text)
    steps = tuple(
        StepReport(**{**step, "files": tuple(step["files"]), "times": Times(**step["times"])})
        for step in stored["steps"]
    )
    return BuildReport(**{**stored, "steps": steps})
