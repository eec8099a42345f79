"""Many commands at once on one store: nothing fails that should not, nothing is lost."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sampan.testing import remains
from sampan.testing.command import Sampan
from sampan.testing.roots import import_busybox

RUNS = 20
BUILDS = 5


class Ended(NamedTuple):
    """A command that ended; both streams in one."""

    words: Sequence[str]
    code: int
    out: str


def at_once(sampan: Sampan, commands: Sequence[Sequence[str]]) -> list[Ended]:
    """Run the commands side by side, each a process of its own, to the last one's end."""
    started = [
        subprocess.Popen(
            sampan.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for words in commands
    ]
    ended = []
    for words, process in zip(commands, started, strict=True):
        out, _ = process.communicate(timeout=120)
        ended.append(Ended(words, process.returncode, out))
        assert "Traceback" not in out, f"{words}:\n{out}"
    return ended


def assert_clean(sampan: Sampan) -> None:
    remains.assert_none(sampan.root)
    assert sampan("system", "check").code == 0


def context(folder: Path, number: int) -> str:
    folder.mkdir()
    (folder / "file").write_text(f"{number}\n")
    (folder / "Dockerfile").write_text(f"FROM busybox\nCOPY file /file\nRUN echo built {number} > /built\n")
    return str(folder)


def options(number: int) -> list[str]:
    return [["--network", "none"], ["-p", "0:80"], ["-v", "/data"], []][number % 4]


def test_runs_builds_and_prunes_at_once_lose_nothing(sampan: Sampan, tmp_path: Path) -> None:
    contexts = [context(tmp_path / str(number), number) for number in range(BUILDS)]
    runs = [
        ["run", "--rm", *options(number), "busybox", "sh", "-c", f"echo {number}; exit {number}"]
        for number in range(RUNS)
    ]
    builds = [["build", "-q", "--no-cache", "-t", f"built:{number}", path] for number, path in enumerate(contexts)]
    others = [
        ["container", "prune", "-f"],
        ["image", "prune", "-f"],
        ["volume", "prune", "-f"],
        ["rm", "-f", "first"],
        ["rm", "-f", "second"],
        ["ps", "-a"],
    ] * 2
    for _ in range(2):
        for victim in ("first", "second"):
            sampan("run", "-d", "--name", victim, "-p", "0:80", "busybox", "sleep", "100000")
        ended = at_once(sampan, [*runs, *builds, *others])
        for number, command in enumerate(ended[:RUNS]):
            assert (command.code, command.out) == (number, f"{number}\n"), command
        assert [command for command in ended[RUNS:] if command.code != 0] == []
        for number in range(BUILDS):
            out = sampan("run", "--rm", f"built:{number}", "cat", "/file", "/built").out
            assert out == f"{number}\nbuilt {number}\n"
        assert sampan("ps", "-aq").out == ""
        assert_clean(sampan)


def test_one_container_started_stopped_and_killed_by_several_processes_ends_in_one_state(sampan: Sampan) -> None:
    sampan("create", "--name", "box", "-p", "0:80", "busybox", "sleep", "100000")
    words = [["start", "box"], ["stop", "-t", "0", "box"], ["kill", "box"], ["restart", "-t", "0", "box"]] * 3
    for command in at_once(sampan, words):
        assert command.code == 0 or "is not running" in command.out, command
    assert sampan("inspect", "-f", "{{.State.Status}}", "box").out.strip() in ("running", "exited")
    assert_clean(sampan)
    sampan("start", "box")
    sampan("rm", "-f", "box")
    assert_clean(sampan)


def test_one_container_removed_by_several_processes_is_gone_once(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "-p", "0:80", "-v", "/data", "busybox", "sleep", "100000")
    words = [["rm", "-f", "-v", "box"], ["stop", "-t", "0", "box"], ["start", "box"], ["wait", "box"]] * 3
    for command in at_once(sampan, words):
        assert command.code == 0 or "No such container" in command.out, command
    assert sampan("ps", "-aq").out == ""
    assert_clean(sampan)


def test_one_name_is_given_to_one_of_several_containers(sampan: Sampan) -> None:
    ended = at_once(sampan, [["run", "-d", "--name", "box", "-v", "/data", "busybox", "sleep", "100000"]] * 4)
    assert sorted(command.code for command in ended) == [0, 125, 125, 125]
    assert all("is already in use by container" in command.out for command in ended if command.code)
    sampan("rm", "-f", "-v", "box")
    assert_clean(sampan)


def test_builds_of_one_context_at_once_with_prunes_all_succeed(sampan: Sampan, tmp_path: Path) -> None:
    path = context(tmp_path / "one", 7)
    builds = [["build", "-q", "-t", f"built:{number}", path] for number in range(4)]
    ended = at_once(sampan, [*builds, ["image", "prune", "-f"], ["image", "prune", "-f"], *builds])
    assert [command for command in ended if command.code != 0] == []
    for number in range(4):
        assert sampan("run", "--rm", f"built:{number}", "cat", "/built").out == "built 7\n"
    assert_clean(sampan)


def test_the_first_commands_of_a_root_may_come_at_once(empty_sampan: Sampan) -> None:
    ended = at_once(empty_sampan, [["images"], ["ps"], ["volume", "create", "one"], ["network", "ls"]] * 3)
    assert [command for command in ended if command.code != 0] == []
    import_busybox(empty_sampan)
    assert empty_sampan("run", "--rm", "busybox", "echo", "fine").out == "fine\n"
