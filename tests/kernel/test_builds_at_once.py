"""Builds that want the same step at once: one does it, the others wait, and go on when it fails or is killed."""

import subprocess
from pathlib import Path
from typing import IO

from sampan.testing.command import Sampan

WAITING = "wait for another build"


def context_of(folder: Path, steps: str) -> Path:
    """A context of these steps."""
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM busybox\n{steps}")
    return folder


class Build:
    """A build that has begun; what it prints is read line by line."""

    def __init__(self, sampan: Sampan, context: Path, *options: str) -> None:
        words = sampan.command("build", "--progress", "plain", *options, str(context))
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stderr is not None
        self._lines: IO[str] = self.process.stderr

    def until(self, text: str) -> None:
        for line in self._lines:
            if text in line:
                return
        raise AssertionError(f"{text} did not come; exit code {self.process.wait()}")

    def end(self) -> tuple[int, str]:
        text = self._lines.read()
        code = self.process.wait(60)
        self._lines.close()
        return code, text


STEPS = (
    "RUN --mount=type=cache,id=gate,target=/gate echo be''gun; while ! [ -e /gate/open ]; do usleep 10000; done;"
    " cat /proc/sys/kernel/random/uuid > /made\nRUN cat /proc/sys/kernel/random/uuid > /next\n"
)


def open_gate(sampan: Sampan) -> None:
    for folder in Path(sampan.root, "cache-mounts").iterdir():
        (folder / "open").touch()


def test_one_does_a_step_and_the_other_takes_its_result(sampan: Sampan, tmp_path: Path) -> None:
    context = context_of(tmp_path / "context", STEPS)
    first = Build(sampan, context, "-t", "first")
    first.until("begun")
    second = Build(sampan, context, "-t", "second")
    second.until(WAITING)
    open_gate(sampan)
    assert first.end()[0] == 0 and second.end()[0] == 0
    made = [
        sampan("run", "--rm", "--network", "none", name, "cat", "/made", "/next").out for name in ("first", "second")
    ]
    assert made[0] == made[1]


def test_who_waits_does_the_step_itself_when_the_other_is_killed(sampan: Sampan, tmp_path: Path) -> None:
    context = context_of(tmp_path / "context", STEPS)
    first = Build(sampan, context)
    first.until("begun")
    second = Build(sampan, context, "-t", "second")
    second.until(WAITING)
    first.process.kill()
    second.until("begun")
    open_gate(sampan)
    assert second.end()[0] == 0 and first.end()[0] != 0
    sampan("run", "--rm", "--network", "none", "second", "cat", "/made", "/next")
    sampan("system", "check")


def test_a_failure_is_each_builds_own(sampan: Sampan, tmp_path: Path) -> None:
    context = context_of(tmp_path / "context", STEPS.replace("cat", "exit 7; cat"))
    first = Build(sampan, context)
    first.until("begun")
    second = Build(sampan, context)
    second.until(WAITING)
    open_gate(sampan)
    for code, text in (first.end(), second.end()):
        assert code == 1 and "exit code: 7" in text


def test_who_waits_can_be_interrupted_and_no_cache_waits_for_nobody(sampan: Sampan, tmp_path: Path) -> None:
    context = context_of(tmp_path / "context", STEPS)
    first = Build(sampan, context)
    first.until("begun")
    second = Build(sampan, context)
    second.until(WAITING)
    second.process.terminate()
    assert second.end()[0] != 0
    third = Build(sampan, context, "--no-cache")
    third.until("begun")
    open_gate(sampan)
    assert first.end()[0] == 0 and third.end()[0] == 0


def test_a_stage_waits_for_the_same_step_of_another_stage(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox AS a\nRUN cat /proc/sys/kernel/random/uuid > /made\n"
        "FROM busybox AS b\nRUN cat /proc/sys/kernel/random/uuid > /made\n"
        "FROM scratch\nCOPY --from=a /made /a\nCOPY --from=b /made /b\n"
        "FROM busybox\nCOPY --from=2 / /\nRUN cmp /a /b\n"
    )
    sampan("build", str(tmp_path))
