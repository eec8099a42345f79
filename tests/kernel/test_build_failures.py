"""Builds that fail: what is said, and what stays."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("hush\n")
    (tmp_path / ".dockerignore").write_text("# nothing secret\nsecret*\n")
    return tmp_path


def fail(sampan: Sampan, context: Path, dockerfile: str, *arguments: str) -> str:
    """Build in vain and return what was printed."""
    (context / "Dockerfile").write_text(dockerfile)
    return sampan("build", *arguments, str(context), code=1).err


def test_a_failed_run_shows_step_line_output_and_exit_code(sampan: Sampan, context: Path) -> None:
    printed = fail(sampan, context, "FROM busybox\nRUN echo before && exit 3\nRUN echo never\n", "-t", "made")
    process = 'process "/bin/sh -c echo before && exit 3" did not complete successfully: exit code: 3'
    assert f"#4 ERROR: {process}" in printed
    assert "\n > [2/3] RUN echo before && exit 3:\n0." in printed
    assert "Dockerfile:2\n--------------------\n   1 |     FROM busybox\n   2 | >>> RUN echo before" in printed
    assert printed.rstrip().split("\n")[-1] == f"ERROR: failed to build: failed to solve: {process}"
    assert "made" not in sampan("images").out
    sampan("system", "check")


def test_what_was_built_before_a_failure_stays_cached(sampan: Sampan, context: Path) -> None:
    fail(sampan, context, "FROM busybox\nRUN echo good > /good\nRUN false\n")
    (context / "Dockerfile").write_text("FROM busybox\nRUN echo good > /good\nRUN true\n")
    printed = sampan("build", "--progress", "plain", str(context)).err
    assert "[2/3] RUN echo good > /good\n#4 CACHED" in printed


@pytest.mark.parametrize(
    ("dockerfile", "message", "hint"),
    [
        ("FROM busybox\nCOPY nope.txt /x\n", '"/nope.txt": not found', ""),
        ("FROM busybox\nCOPY secret.txt /x\n", '"/secret.txt": not found', "line 2 of .dockerignore: secret*"),
        ("FROM busybox\nCOPY ../x /x\n", '"/x": not found', "leads out of the context"),
        ("FROM nosuch:1\n", "nosuch:1: failed to resolve source metadata", "sampan import ROOTFS.tar nosuch:1"),
        ("FROM debian:nope\n", "failed to resolve source metadata", "sampan image bootstrap debian:nope"),
        ("FROM busybox\nCOPY --chown=eve .dockerignore /x\n", "unable to find user eve", "make the user"),
        ("FROM busybox\nUSER eve\nRUN id\n", "unable to find user eve: no matching entries in passwd file", ""),
        ("FROM busybox\nRUNN x\n", "unknown instruction: RUNN (did you mean RUN?)", ""),
        ("FROM busybox AS a\nCOPY --from=a /x /\n", "circular dependency detected on stage: a", ""),
        ("FROM busybox\nCOPY .dockerignore /etc/passwd/x\n", "mkdir /etc/passwd: not a directory", ""),
        ("FROM busybox\nCOPY . /etc/passwd\n", "cannot copy to non-directory: /etc/passwd", ""),
        (
            "FROM busybox\nRUN mkdir /d\nCOPY .dockerignore /d/\nRUN rm -r /d\nCOPY . /d/x\nCOPY /nope /\n",
            "not found",
            "",
        ),
        ('FROM busybox\nRUN ["/nope"]\n', 'process "/nope" did not complete successfully', ""),
    ],
)
def test_a_mistake_is_named_with_its_line(
    sampan: Sampan, context: Path, dockerfile: str, message: str, hint: str
) -> None:
    printed = fail(sampan, context, dockerfile)
    assert message in printed
    assert hint in printed
    assert ">>> " in printed
    sampan("system", "check")


def test_a_missing_dockerfile_and_a_missing_context_are_named(sampan: Sampan, context: Path) -> None:
    printed = sampan("build", str(context), code=1).err
    assert "failed to read dockerfile: open Dockerfile: no such file or directory" in printed
    printed = sampan("build", str(context / "nowhere"), code=1).err
    assert f'unable to prepare context: path "{context}/nowhere" not found' in printed
    assert 'invalid tag "BAD"' in sampan("build", "-t", "BAD", str(context), code=1).err


def test_an_interrupted_build_leaves_nothing_running(sampan: Sampan, context: Path) -> None:
    (context / "Dockerfile").write_text(
        "FROM busybox AS a\nRUN echo good > /g\nRUN echo begun; sleep 60000\n"
        "FROM busybox AS b\nRUN echo other; sleep 60001\nFROM busybox\nCOPY --from=a / /\nCOPY --from=b / /\n"
    )
    command = sampan.command("build", "--progress", "plain", str(context))
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    waiting, printed = {"begun", "other"}, ""
    for line in process.stderr:
        printed += line
        waiting -= {line.rstrip().rpartition(" ")[2]}
        if not waiting:
            break
    os.kill(process.pid, signal.SIGINT)
    printed += process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 130, printed
    assert not {"sleep 60000", "sleep 60001"} & set(command_lines())
    sampan("system", "check")


def command_lines() -> Iterator[str]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue


def test_builds_at_once_lose_nothing(sampan: Sampan, tmp_path: Path) -> None:
    processes = []
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "Dockerfile").write_text(f"FROM busybox\nRUN echo same > /same\nRUN echo {number} > /own\n")
        processes.append(subprocess.Popen(sampan.command("build", "-q", "-t", f"made:{number}", str(folder))))
    assert [process.wait(120) for process in processes] == [0] * 5
    for number in range(5):
        assert sampan("run", "--rm", "--network", "none", f"made:{number}", "cat", "/own").out == f"{number}\n"
    sampan("system", "check")


@pytest.fixture
def small_disk(sampan: Sampan) -> Iterator[Sampan]:
    """The store on a file system of its own with little room."""
    point = sampan.root + ".small"
    os.mkdir(point)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "small", point], check=True)
    try:
        small = Sampan(point + "/root")
        subprocess.run(["cp", "-a", sampan.root, small.root], check=True)
        yield small
        small("system", "shutdown")
    finally:
        subprocess.run(["umount", point], check=True)
        os.rmdir(point)


def test_a_full_disk_leaves_the_store_as_it_was(small_disk: Sampan, context: Path) -> None:
    (context / "large").write_bytes(os.urandom(40 << 20))
    before = small_disk("images", "-q").out
    printed = fail(small_disk, context, "FROM busybox\nRUN echo good > /good\nCOPY large /\n")
    assert "no space left on device" in printed
    assert "the disk of the store is full" in printed
    assert small_disk("images", "-q").out == before
    small_disk("system", "check")
    (context / "Dockerfile").write_text("FROM busybox\nRUN echo good > /good\n")
    assert "CACHED" in small_disk("build", "--progress", "plain", str(context)).err
