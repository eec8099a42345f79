"""kill -9 of the command at every point where it changes something: the store stays whole, the next command works."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sampan.testing import remains
from sampan.testing.command import Sampan
from sampan.testing.faults import Pass, kill_at, passes, thinned

STEPS = "FROM busybox\nCOPY one.txt /\nRUN echo two > /two.txt\nENV THREE=3\nWORKDIR /w\nRUN echo four > /four.txt\n"
STAGES = (
    "FROM busybox AS a\nRUN echo a > /a\nFROM busybox AS b\nRUN echo b > /b\n"
    "FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
)


class Scenario(NamedTuple):
    """A command that is killed, the commands that lead up to it, and whether it works a second time as it stands."""

    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    is_repeatable: bool = True


BOX = ("run", "-d", "--name", "box", "-p", "0:80", "-v", "/data", "busybox", "sleep", "100000")
SAVED = str(Path(__file__).parent.parent / "corpus" / "archives" / "docker.tar.gz")
TINY = "sha256:b4539758df3d67612283d4c51b1650959f0f2cdcc66c277c4ccc48dae14b3d1f"
ENDED = ("run", "--name", "box", "-p", "0:80", "busybox", "true")
ENDED_WITH_DATA = ("run", "--name", "box", "-v", "/data", "busybox", "touch", "/data/x", "/y")
NET = ("network", "create", "apart")
CONNECT, DISCONNECT = (("network", verb, "apart", "box") for verb in ("connect", "disconnect"))
SCENARIOS = {
    "run": Scenario(("run", "--rm", "-p", "0:80", "-v", "/data", "-v", "named:/n", "busybox", "true")),
    "run-detached": Scenario(BOX, is_repeatable=False),
    "start": Scenario(("start", "box"), (ENDED,)),
    "stop": Scenario(("stop", "-t", "0", "box"), (BOX,)),
    "update": Scenario(("update", "--pids-limit", "50", "--cpu-shares", "300", "box"), (BOX,)),
    "rm": Scenario(("rm", "-f", "-v", "box"), (BOX,), is_repeatable=False),
    "import": Scenario(("import", "ARCHIVE", "other")),
    "rmi": Scenario(("rmi", "other"), (("import", "ARCHIVE", "other"),), is_repeatable=False),
    "load": Scenario(("load", "-q", "-i", SAVED), (("rmi", "-f", TINY),), is_repeatable=False),
    "save": Scenario(("save", "-o", "/dev/null", "busybox")),
    "commit": Scenario(("commit", "box", "made"), (BOX,)),
    "snapshot": Scenario(("snapshot", "box", "made"), (BOX,)),
    "clone": Scenario(("container", "clone", "--name", "twin", "box"), (ENDED_WITH_DATA,), is_repeatable=False),
    "cp-into-running": Scenario(("cp", "ARCHIVE", "box:/data"), (BOX,)),
    "cp-into-stopped": Scenario(("cp", "ARCHIVE", "box:/data"), (ENDED_WITH_DATA,)),
    "network-connect": Scenario(CONNECT, (NET, BOX), is_repeatable=False),
    "network-disconnect": Scenario(DISCONNECT, (NET, BOX, CONNECT), is_repeatable=False),
    "pause": Scenario(("pause", "box"), (BOX,), is_repeatable=False),
    "network-create": Scenario(NET, is_repeatable=False),
    "network-prune": Scenario(("network", "prune", "-f"), (NET,)),
    "system-prune": Scenario(
        ("system", "prune", "-f", "--volumes"),
        (ENDED_WITH_DATA, ("volume", "create", "kept"), ("import", "ARCHIVE"), ("run", "-v", "/v", "busybox", "true")),
    ),
    "volume-prune": Scenario(("volume", "prune", "-af"), (("volume", "create", "data"), ("volume", "create", "more"))),
    "volume-import": Scenario(("volume", "import", "data", "ARCHIVE"), (("volume", "create", "data"),)),
    "volume-rm": Scenario(("volume", "rm", "data"), (("volume", "create", "data"),), is_repeatable=False),
}


def assert_whole(sampan: Sampan, moment: Pass) -> None:
    """What a user would do next works, and nothing is left over from what was killed."""
    sampan("ps", "-a")
    result = sampan("system", "check", code=None)
    assert result.code == 0, f"killed at {moment}:\n{result.out}{result.err}"
    remains.assert_none(sampan.root)


def remove_all(sampan: Sampan) -> None:
    names = sampan("ps", "-aq").out.split()
    if names:
        sampan("rm", "-f", "-v", *names)
    sampan("network", "prune", "-f")
    if os.listdir(sampan.root + "/volumes"):
        sampan("volume", "prune", "-a", "-f")
    remains.assert_none(sampan.root)


@pytest.fixture
def archive(tmp_path: Path) -> str:
    buffer = io.BytesIO(b"content\n")
    with tarfile.open(tmp_path / "other.tar", "w") as written:
        entry = tarfile.TarInfo("file")
        entry.size = len(buffer.getvalue())
        written.addfile(entry, buffer)
    return str(tmp_path / "other.tar")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_command_killed_at_any_point_leaves_a_whole_store(sampan: Sampan, archive: str, name: str) -> None:
    def filled(words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(archive if word == "ARCHIVE" else word for word in words)

    def prepare() -> None:
        for words in scenario.before:
            sampan(*filled(words))

    scenario = SCENARIOS[name]
    command = filled(scenario.command)
    prepare()
    found = thinned(passes(sampan, *command), most_per_point=2)
    assert found
    for moment in found:
        remove_all(sampan)
        prepare()
        kill_at(sampan, moment, *command)
        assert_whole(sampan, moment)
        if not scenario.is_repeatable:
            remove_all(sampan)
            prepare()
        sampan(*command)
    remove_all(sampan)


def test_the_exit_of_a_detached_container_is_recorded_when_its_exit_command_is_killed(sampan: Sampan) -> None:
    for number, name in enumerate(("network.withdrawn", "network.disconnected", "settle.freed", "settle.committed")):
        moment = Pass(name, 1)
        kill_at(sampan, moment, "run", "-d", "--name", f"box{number}", "-p", "0:80", "busybox", "sh", "-c", "exit 3")
        remains.wait_for_monitors(sampan.root)
        assert_whole(sampan, moment)
        assert sampan("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", f"box{number}").out == "exited 3\n"


def kill_builds(sampan: Sampan, context: Path, check: Callable[[], None]) -> None:
    build = ("build", "--no-cache", "-t", "built", str(context))
    found = thinned(passes(sampan, *build), most_per_point=1)
    assert found
    for moment in found:
        kill_at(sampan, moment, *build)
        assert_whole(sampan, moment)
    sampan("build", "-t", "built", str(context))
    check()
    sampan("rmi", "built")
    assert_whole(sampan, found[-1])


def test_build_killed_at_any_point_leaves_a_whole_store(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(STEPS)
    (tmp_path / "one.txt").write_text("one\n")

    def check() -> None:
        out = sampan("run", "--rm", "built", "cat", "/one.txt", "/two.txt", "/four.txt").out
        assert out == "one\ntwo\nfour\n"

    kill_builds(sampan, tmp_path, check)


def test_build_of_parallel_stages_killed_at_any_point_leaves_a_whole_store(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(STAGES)
    kill_builds(sampan, tmp_path, lambda: None)
    assert sampan("run", "--rm", "busybox", "echo", "fine").out == "fine\n"
