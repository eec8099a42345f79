"""What `run` imports and how long that takes, by python's own import timer."""

import re
from typing import NamedTuple

from bench.engines import Engine

LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|(\s+)(\S+)")


class Imports(NamedTuple):
    """`milliseconds` is the sum of all modules' own times, the timer's cost included."""

    milliseconds: float
    modules: int
    slowest: list[tuple[str, float]]


def measure(engine: Engine, rounds: int = 5) -> Imports:
    """Import times of `run --rm --network none busybox true`: the round with the smallest sum."""
    best: Imports | None = None
    for _ in range(rounds):
        timing = engine(
            "run", "--rm", "--network", "none", "busybox:latest", "true", env={"PYTHONPROFILEIMPORTTIME": "1"}
        )
        own = [(match[4], int(match[1]) / 1000) for match in LINE.finditer(timing.output)]
        total = sum(milliseconds for _, milliseconds in own)
        if best is None or total < best.milliseconds:
            best = Imports(total, len(own), sorted(own, key=lambda item: -item[1])[:8])
    assert best is not None
    return best
