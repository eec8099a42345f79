"""Shells in builds: where a step failed, and after a step; and what a build reports besides."""

import json
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.terminal import Terminal

DOCKERFILE = """FROM busybox AS first
ENV PLACE=here
WORKDIR /work
COPY file.txt ./
RUN --mount=type=secret,id=key echo left > made && exit 7
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "file.txt").write_text("content\n")
    (tmp_path / "key").write_text("hush hush\n")
    return tmp_path


def test_a_shell_opens_where_a_step_failed_with_its_files_mounts_and_environment(sampan: Sampan, context: Path) -> None:
    command = sampan.command(
        "build", "--secret", f"id=key,src={context}/key", "--on-error=shell", "--progress", "tty", str(context)
    )
    with Terminal(command) as terminal:
        terminal.expect("failed: a shell in its file system")
        terminal.expect("# ")
        terminal.press("cat made file.txt /run/secrets/key; echo $PLACE; pwd; tty\r")
        shown = terminal.expect("/dev/pts/0")
        for text in ("left", "content", "hush hush", "here", "/work"):
            assert text in shown
        terminal.press("exit\r")
        terminal.expect("exit code: 7")
        assert terminal.wait() == 1
    sampan("system", "check")


def test_a_shell_opens_after_a_step(sampan: Sampan, context: Path) -> None:
    with Terminal(sampan.command("build", "--shell-at", "first:3", str(context))) as terminal:
        terminal.expect("a shell after first:3")
        terminal.expect("# ")
        terminal.press("ls; echo $PLACE > /thrown-away; id -u\r")
        assert "file.txt" in terminal.expect("0\r\n")
        terminal.press("exit\r")
        assert terminal.wait() == 0
    assert "first" not in sampan("images").out
    sampan("system", "check")


def test_a_shell_needs_a_terminal(sampan: Sampan, context: Path) -> None:
    assert "is not a TTY" in sampan("build", "--on-error=shell", str(context), code=1).err


def test_times_a_trace_and_reasons_are_written_also_where_a_build_fails(sampan: Sampan, context: Path) -> None:
    trace, reasons = context / "trace.json", context / "why.json"
    printed = sampan(
        "build", "--timings", "--trace", str(trace), "--explain-json", str(reasons), str(context), code=1
    ).err
    assert "STEP " in printed and "QUEUE" in printed
    assert any(event["cat"] == "run" for event in json.loads(trace.read_text())["traceEvents"])
    steps = json.loads(reasons.read_text())["steps"]
    assert [step["state"] for step in steps] == ["done", "done", "failed"]
