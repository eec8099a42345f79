"""What a type checker makes of the face for asyncio: parameters and results of the synchronous one."""

import subprocess
import sys
from pathlib import Path

import pytest

from sampan.aio import (
    AsyncContainer,
    AsyncContainers,
    AsyncEngine,
    AsyncImages,
    AsyncImageTools,
    AsyncManifestLists,
    AsyncNetworks,
    AsyncRegistries,
    AsyncSystem,
    AsyncVolumes,
)
from sampan.engine import Engine
from sampan.engine.containers import Container, Containers
from sampan.engine.image_tools import ImageTools
from sampan.engine.images import Images
from sampan.engine.manifest_lists import ManifestLists
from sampan.engine.networks import Networks
from sampan.engine.registries import Registries
from sampan.engine.system import System
from sampan.engine.volumes import Volumes

TOP = Path(__file__).parents[2]

RIGHT = """
from sampan.aio import AsyncEngine
from sampan.containers.options import LogOptions, RunOptions

async def main() -> None:
    async with AsyncEngine() as engine:
        container = await engine.run("busybox", ["true"], name="x", ports={80: 0})
        code: int = await container.wait()
        names: list[str] = [one.name for one in await engine.containers.list(all=True)]
        async for line in engine.containers.logs(container.id, LogOptions(follow=True)):
            text: bytes = line.text
        async with await engine.containers.run(RunOptions("busybox")) as other:
            result: tuple[int, bytes] = await other.exec(["true"])
        async for found in engine.containers.stats():
            percent: list[float] = [one.cpu_percent for one in found]
"""
WRONG = """
from sampan.aio import AsyncEngine

async def main(engine: AsyncEngine) -> None:
    await engine.run(5)
    await engine.containers.stop("x", timeout="soon")
    text: str = await engine.containers.wait("x")
    for line in engine.containers.logs("x"):
        pass
"""


def checked(folder: Path, program: str) -> list[str]:
    """mypy's complaints about a program of somebody else's."""
    file = folder / "program.py"
    file.write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", str(file)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    return [line.rpartition("  ")[2] for line in done.stdout.splitlines() if ": error:" in line]


def test_a_right_program_passes_the_strictest_check(tmp_path: Path) -> None:
    assert checked(tmp_path, RIGHT) == []


def test_wrong_arguments_and_results_are_found(tmp_path: Path) -> None:
    assert checked(tmp_path, WRONG) == ["[arg-type]", "[call-arg]", "[assignment]", "[attr-defined]"]


@pytest.mark.parametrize(
    ("sync", "facade"),
    [
        (Container, AsyncContainer),
        (Containers, AsyncContainers),
        (Engine, AsyncEngine),
        (Images, AsyncImages),
        (ImageTools, AsyncImageTools),
        (ManifestLists, AsyncManifestLists),
        (Registries, AsyncRegistries),
        (Networks, AsyncNetworks),
        (System, AsyncSystem),
        (Volumes, AsyncVolumes),
    ],
)
def test_every_method_can_be_awaited(sync: type, facade: type) -> None:
    methods = {name for name in dir(sync) if not name.startswith("_") and callable(getattr(sync, name))}
    assert methods - set(dir(facade)) == set()
