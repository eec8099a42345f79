"""What is measured. A scenario prepares each engine once, then every engine in turn runs it, many rounds."""

import os
from collections.abc import Callable
from typing import NamedTuple

from bench.engines import Engine

IMAGE = "busybox:latest"
FILES = 2000


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


def ten_steps(engine: Engine) -> None:
    """A Dockerfile of ten steps, built once: metadata, copies and commands as people mix them."""
    steps = ["ENV A=1", "WORKDIR /srv", "COPY one.txt ./", "RUN cat one.txt", "COPY two.txt ./", "RUN cat two.txt"]
    steps += ["RUN echo 1 > number", "ENV B=2", "RUN echo 2 > number", "LABEL a=b"]
    folder = engine.folder + "/ten"
    write(folder, "Dockerfile", f"FROM {IMAGE}\n" + "\n".join(steps) + "\n")
    write(folder, "one.txt", "one\n")
    write(folder, "two.txt", "two\n")
    engine("build", "-t", "ten", folder)


def ten_runs(engine: Engine) -> None:
    folder = engine.folder + "/runs"
    write(folder, "Dockerfile", f"FROM {IMAGE}\n" + "".join(f"RUN echo {number} > /number\n" for number in range(10)))
    engine("build", "-t", "runs", folder)


def many_files(engine: Engine) -> None:
    folder = engine.folder + "/many"
    write(folder, "Dockerfile", f"FROM {IMAGE}\nWORKDIR /srv\nRUN true\nCOPY . .\nRUN ls | wc -l\n")
    for number in range(FILES):
        write(folder, f"part{number % 20}/file{number}.txt", f"content of file {number}\n" * 20)
    engine("build", "-t", "many", folder)


_changes = 0


def one_file_changed(engine: Engine) -> float:
    global _changes
    _changes += 1
    write(engine.folder + "/many", "part7/file7.txt", f"change {_changes}\n")
    return engine("build", "-t", "many", engine.folder + "/many").seconds


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
    Scenario("build, 10 unchanged steps", lambda e: e("build", "-t", "ten", e.folder + "/ten").seconds, ten_steps, 0.4),
    Scenario(
        "build --no-cache, 10 RUN steps",
        lambda e: e("build", "--no-cache", "-t", "runs", e.folder + "/runs").seconds,
        ten_runs,
        0.5,
        rounds=3,
    ),
    Scenario(f"build, one of {FILES:,} files changed", one_file_changed, many_files, 0.6, rounds=2),
)


def classic_build(engine: Engine) -> float:
    """docker's old builder on ten unchanged steps: reported, no bar."""
    return engine("build", "-t", "ten-classic", engine.folder + "/ten", env={"DOCKER_BUILDKIT": "0"}).seconds
