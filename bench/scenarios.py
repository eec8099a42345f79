"""What is measured. A scenario prepares each engine once, then every engine in turn runs it, many rounds."""

import os
from collections.abc import Callable
from typing import NamedTuple

from bench.engines import Engine

IMAGE = "busybox:latest"


class Scenario(NamedTuple):
    """`bar` is the largest ratio to docker's time, or the largest time in ms where `is_absolute`."""

    name: str
    run: Callable[[Engine], float]
    prepare: Callable[[Engine], None]
    bar: float
    is_absolute: bool = False
    rounds: int = 1
    """A divisor of the rounds that were asked for: slow scenarios take fewer."""
    containers: tuple[str, ...] = ("bench",)
    """What is removed afterwards."""
    tidy: Callable[[], None] = lambda: None
    """Called after the last round."""
    bare: Callable[[], float] | None = None
    """The same work with no engine around it: where it is given, `bar` is the largest ratio to its time."""


def nothing(_engine: Engine) -> None:
    """A scenario that needs no preparation."""


def running(engine: Engine) -> None:
    engine.try_to("rm", "-f", "bench")
    engine("run", "-d", "--network", "none", "--name", "bench", IMAGE, "sleep", "100000")


def write(folder: str, name: str, text: str) -> None:
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def run(*options: str) -> Callable[[Engine], float]:
    return lambda engine: engine("run", "--rm", *options, IMAGE, "true").seconds


SCENARIOS = (
    Scenario("run --rm, network none", run("--network", "none"), nothing, 0.35),
    Scenario("run --rm, bridge", run(), nothing, 0.35),
    Scenario("run --rm, published port", run("-p", "18080:80"), nothing, 0.35),
    Scenario(
        "20 x run --rm at once", lambda e: e("run", "--rm", IMAGE, "true", times=20).seconds, nothing, 0.5, rounds=3
    ),
    Scenario("exec", lambda e: e("exec", "bench", "true").seconds, running, 0.5),
    Scenario("ps", lambda e: e("ps").seconds, running, 80, is_absolute=True),
    Scenario("images", lambda e: e("images").seconds, running, 80, is_absolute=True),
)
