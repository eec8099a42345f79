"""Builds: what is cached, what is not, stages side by side, large contexts, a RUN that installs much.

What must be new is new in each round: a context that no engine has seen is written, and is on the disk, before a
measurement begins. So nothing has to be removed between rounds.
"""

import itertools
import os
import shutil
from collections.abc import Callable

from bench import python_image
from bench.engines import Engine
from bench.scenarios import IMAGE, Scenario, write

CHANGED_OF = 2_000
SMALL_FILES, SMALL_BYTES = 20_000, 4_000
LARGE_MB = 1_000
_numbers = itertools.count(1)


def _build(engine: Engine, name: str, *options: str) -> float:
    return engine("build", *options, "-t", name, f"{engine.folder}/{name}").seconds


def built(name: str, *options: str) -> Callable[[Engine], float]:
    return lambda engine: _build(engine, name, *options)


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


def four_stages(engine: Engine) -> None:
    stages = "".join(f"FROM {IMAGE} AS s{one}\nRUN sleep 0.5; echo {one} > /made\n" for one in range(4))
    copies = "".join(f"COPY --from=s{one} /made /made{one}\n" for one in range(4))
    write(engine.folder + "/stages", "Dockerfile", f"{stages}FROM {IMAGE}\n{copies}")
    engine("build", "-t", "stages", engine.folder + "/stages")


def many_files(engine: Engine) -> None:
    folder = engine.folder + "/many"
    write(folder, "Dockerfile", f"FROM {IMAGE}\nWORKDIR /srv\nRUN true\nCOPY . .\nRUN ls | wc -l\n")
    for number in range(CHANGED_OF):
        write(folder, f"part{number % 20}/file{number}.txt", f"content of file {number}\n" * 20)
    engine("build", "-t", "many", folder)


def one_file_changed(engine: Engine) -> float:
    write(engine.folder + "/many", "part7/file7.txt", f"change {next(_numbers)}\n")
    return _build(engine, "many")


def _fresh(engine: Engine, fill: Callable[[str], None]) -> float:
    """Build a context that nobody has seen, with one COPY."""
    name = f"fresh{next(_numbers)}"
    folder = f"{engine.folder}/{name}"
    write(folder, "Dockerfile", f"FROM {IMAGE}\nCOPY files /files\n")
    os.makedirs(folder + "/files")
    fill(folder + "/files")
    os.sync()
    return _build(engine, name)


def _small(folder: str) -> None:
    salt = os.urandom(16).hex()
    for number in range(SMALL_FILES):
        if number % 100 == 0:
            os.mkdir(f"{folder}/{number // 100}")
        with open(f"{folder}/{number // 100}/{number}.txt", "w") as file:
            file.write(f"{salt} {number}\n".ljust(SMALL_BYTES, "."))


def _large(folder: str) -> None:
    piece = os.urandom(1_000_000)
    with open(folder + "/large", "wb") as file:
        for number in range(LARGE_MB):
            file.write(number.to_bytes(8, "big") + piece[8:])


def _copy_again(fill: Callable[[str], None], name: str) -> Callable[[Engine], None]:
    def prepare(engine: Engine) -> None:
        folder = f"{engine.folder}/{name}"
        if not os.path.exists(folder):
            write(folder, "Dockerfile", f"FROM {IMAGE}\nCOPY files /files\n")
            os.makedirs(folder + "/files")
            fill(folder + "/files")
        _build(engine, name)

    return prepare


class Installing:
    """pip installs a wheel of 10,000 modules, which makes 20,000 files; the same in a plain chroot is the measure."""

    def __init__(self) -> None:
        self._place = ""

    def prepare(self, engine: Engine) -> None:
        self._place = os.path.dirname(engine.folder)
        archive = python_image.archive(self._place)
        engine("import", archive, "bench-python")
        write(engine.folder + "/pip", "Dockerfile", f"FROM bench-python\nRUN {python_image.INSTALL}\n")

    def bare(self) -> float:
        """On the same disk, in a copy of the image's files that is made before."""
        return python_image.installed_bare(self._place, next(_numbers))

    def tidy(self) -> None:
        shutil.rmtree(self._place + "/bare", ignore_errors=True)


_installing = Installing()
BUILDS = (
    Scenario("build, 10 unchanged steps", built("ten"), ten_steps, 0.25),
    Scenario("build --no-cache, 10 RUN steps", built("runs", "--no-cache"), ten_runs, 0.3, rounds=3),
    Scenario(f"build, one of {CHANGED_OF:,} files changed", one_file_changed, many_files, 0.5, rounds=2),
    Scenario("build --no-cache, four stages of 0.5 s", built("stages", "--no-cache"), four_stages, 0.6, rounds=3),
    Scenario(
        f"build, COPY of {SMALL_FILES:,} new small files",
        lambda e: _fresh(e, _small),
        lambda e: None,
        0.7,
        rounds=5,
    ),
    Scenario(
        f"build --no-cache, COPY of {SMALL_FILES:,} small files",
        built("again", "--no-cache"),
        _copy_again(_small, "again"),
        0.7,
        rounds=5,
    ),
    Scenario("build, COPY of a new file of 1 GB", lambda e: _fresh(e, _large), lambda e: None, 0.7, rounds=5),
    Scenario(
        "build --no-cache, COPY of a file of 1 GB",
        built("large", "--no-cache"),
        _copy_again(_large, "large"),
        0.7,
        rounds=5,
    ),
    Scenario(
        "build --no-cache, pip installs 20,000 files",
        built("pip", "--no-cache"),
        _installing.prepare,
        1.1,
        rounds=5,
        bare=_installing.bare,
        tidy=_installing.tidy,
    ),
)


def classic_build(engine: Engine) -> float:
    """docker's old builder on ten unchanged steps: reported, no bar."""
    return engine("build", "-t", "ten-classic", engine.folder + "/ten", env={"DOCKER_BUILDKIT": "0"}).seconds
