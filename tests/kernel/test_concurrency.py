"""Many commands at once on one store: nothing fails that should not, nothing is lost."""

import subprocess
from pathlib import Path

from sampan.testing.command import Sampan

RUNS = 20
BUILDS = 5


def context(folder: Path, number: int) -> str:
    folder.mkdir()
    (folder / "file").write_text(f"{number}\n")
    (folder / "Dockerfile").write_text(f"FROM busybox\nCOPY file /file\nRUN echo built {number} > /built\n")
    return str(folder)


def options(number: int) -> list[str]:
    return [["--network", "none"], ["-p", "0:80"], []][number % 3]


def test_runs_builds_and_prunes_at_once_lose_nothing(sampan: Sampan, tmp_path: Path) -> None:
    for victim in ("first", "second"):
        sampan("create", "--name", victim, "busybox", "true")
    commands: list[tuple[list[str], int]] = []
    for number in range(RUNS):
        words = ["run", "--rm", *options(number), "busybox", "sh", "-c", f"echo {number}; exit {number}"]
        commands.append((words, number))
    for number in range(BUILDS):
        folder = context(tmp_path / str(number), number)
        commands.append((["build", "-q", "--no-cache", "-t", f"built:{number}", folder], 0))
    for words in (
        ["container", "prune", "-f"],
        ["image", "prune", "-f"],
        ["rm", "-f", "first", "second"],
        ["ps", "-a"],
    ):
        commands += [(words, 0)] * 3
    started = [
        subprocess.Popen(
            [sampan.program, "--root", sampan.root, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for words, _ in commands
    ]
    for (words, code), process in zip(commands, started, strict=True):
        out, _ = process.communicate(timeout=120)
        assert process.returncode == code, f"{words}: {process.returncode}\n{out}"
        if words[0] == "run":
            assert out == f"{code}\n"
    for number in range(BUILDS):
        out = sampan("run", "--rm", f"built:{number}", "cat", "/file", "/built").out
        assert out == f"{number}\nbuilt {number}\n"
    assert sampan("ps", "-aq").out == ""
    assert sampan("system", "check").code == 0


def test_one_container_started_stopped_and_removed_by_several_processes_ends_in_one_state(sampan: Sampan) -> None:
    sampan("create", "--name", "box", "busybox", "sleep", "100000")
    words = [
        ["start", "box"],
        ["stop", "-t", "0", "box"],
        ["start", "box"],
        ["kill", "box"],
        ["ps", "-a"],
        ["start", "box"],
    ] * 2
    started = [
        subprocess.Popen(
            [sampan.program, "--root", sampan.root, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for command in words
    ]
    for process in started:
        process.wait(timeout=60)
    state = sampan("inspect", "-f", "{{.State.Status}}", "box").out.strip()
    assert state in ("running", "exited")
    assert sampan("system", "check").code == 0
    sampan("rm", "-f", "box")
    assert sampan("system", "check").code == 0
