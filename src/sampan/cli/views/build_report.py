"""What a build did: why steps ran again, where the time went, as text and as a trace."""

import json
from typing import Any

from sampan.builder.report import CACHED, FAILED, BuildReport, StepReport
from sampan.cli.output import human_duration, table

_MILLION = 1_000_000


def explanation(report: BuildReport, now_ns: int) -> str:
    """One line a step: its state, its title, and the reason why it was not reused."""
    ago = human_duration((now_ns - report.began_ns) / 1e9)
    head = f"Build of {report.name or 'a Dockerfile without a context'}, {ago} ago, {report.seconds:.1f}s\n"
    lines = [_line(step) for step in report.steps]
    tail = [f"hint: {report.advice}\n"] if report.advice else []
    tail += [f"failed: {report.error}\n"] if report.error else []
    return head + "".join(lines) + "".join(tail)


def _line(step: StepReport) -> str:
    if step.state == CACHED:
        return f"CACHED   {step.title}\n"
    word = "FAILED" if step.state == FAILED else "rebuilt"
    return f"{word:8} {step.title}\n         {step.reason}\n"


def timings(report: BuildReport) -> str:
    """A table of the steps that were not reused: seconds of waiting, looking up with hashing of its files, doing, and
    hashing the layer, which goes on beside later steps."""
    rows: list[tuple[str, ...]] = [("STEP", "QUEUE", "CONTEXT", "RUN", "HASH")]
    for step in report.steps:
        if step.state != CACHED:
            times = step.times
            rows.append((step.title, *(f"{value:.3f}" for value in (times.queue, times.look, times.run, times.hash))))
    cached = sum(step.state == CACHED for step in report.steps)
    return table(rows, narrowest=0) + f"{cached} of {len(report.steps)} steps cached, {report.seconds:.3f} in all\n"


def trace(report: BuildReport) -> str:
    """Chrome's trace format (chrome://tracing, Perfetto): an event for each part of each step, a row for each stage."""
    events: list[dict[str, Any]] = []
    for step in report.steps:
        begin = step.began - step.times.queue
        for name, seconds in step.times._asdict().items():
            if seconds > 0:
                events.append(_event(step, name, begin, seconds))
            begin += seconds
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, indent=1) + "\n"


def _event(step: StepReport, name: str, begin: float, seconds: float) -> dict[str, Any]:
    return {
        "name": step.title if name == "run" else f"{name}: {step.title}",
        "cat": name,
        "ph": "X",
        "ts": round(begin * _MILLION),
        "dur": round(seconds * _MILLION),
        "pid": 1,
        "tid": step.lane + (100 if name == "hash" else 0),  # hashing goes on beside the stage's later steps
        "args": {"state": step.state, "reason": step.reason, "line": step.line},
    }
