"""`sampan why` on real containers: each cause is found."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.waiting import until

AARCH64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(44)


def kinds(sampan: Sampan, name: str) -> list[str]:
    return [reason["Kind"] for reason in json.loads(sampan("why", "--format", "json", name).out)["Reasons"]]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Files that cannot be executed, each for a reason of its own."""
    (tmp_path / "crlf").write_bytes(b"#!/bin/sh\r\necho hi\r\n")
    (tmp_path / "bash").write_bytes(b"#!/bin/bash\necho hi\n")
    (tmp_path / "env").write_bytes(b"#!/bin/env python3\nprint()\n")
    (tmp_path / "arm").write_bytes(AARCH64)
    shutil.copy(shutil.which("true") or "/bin/true", tmp_path / "dynamic")
    (tmp_path / "text").write_bytes(b"echo hi\n")
    for path in tmp_path.iterdir():
        path.chmod(0o755)
    (tmp_path / "plain").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "plain").chmod(0o644)
    return tmp_path


def test_what_keeps_an_entrypoint_from_starting_is_found(sampan: Sampan, programs: Path) -> None:
    for name, kind, says in (
        ("crlf", "carriage-return", "CRLF"),
        ("bash", "no-interpreter", "/bin/bash"),
        ("env", "no-interpreter", "python3"),
        ("arm", "wrong-architecture", "arm64"),
        ("dynamic", "no-loader", "/ld-"),
        ("text", "not-a-program", "#!"),
        ("plain", "not-executable", "0644"),
        ("gone", "not-found", "/w/gone"),
    ):
        sampan("run", "--name", name, "-v", f"{programs}:/w", "busybox", f"/w/{name}", code=None)
        assert kinds(sampan, name)[0] == kind
        assert says in sampan("why", name).out
    sampan("create", "--name", "later", "-v", f"{programs}:/w", "busybox", "/w/crlf")
    assert kinds(sampan, "later") == ["carriage-return", "never-started"]


def test_a_missing_shared_library_is_named(sampan: Sampan, tmp_path: Path) -> None:
    program = shutil.which("mawk") or shutil.which("ls") or "/bin/ls"
    loader = next(
        line.split()[0] for line in subprocess.run(["ldd", program], capture_output=True, text=True).stdout.splitlines()
        if line.split()[0].startswith("/")
    )  # fmt: skip
    shutil.copy(program, tmp_path / "program")
    sampan(
        "run", "--name", "box", "-v", f"{tmp_path}:/w", "-v", f"{loader}:{loader}", "busybox", "/w/program", code=127
    )
    assert kinds(sampan, "box") == ["missing-library"]
    assert ".so." in sampan("why", "box").out


def test_an_end_is_explained(sampan: Sampan) -> None:
    sampan("run", "--name", "oom", "-m", "8m", "busybox", "tail", "/dev/zero", code=137)
    assert kinds(sampan, "oom") == ["out-of-memory"]
    assert "limit of 8 MiB; it used " in sampan("why", "oom").out
    sampan("run", "--name", "shell", "busybox", "sh", "-c", "echo begun; nosuch", code=127)
    found = sampan("why", "shell").out
    assert "did not find a command (nosuch)" in found
    assert "  begun\n" in found
    sampan("run", "--name", "fault", "--init", "busybox", "sh", "-c", "kill -SEGV $$", code=139)
    assert kinds(sampan, "fault") == ["signal"]
    sampan("run", "-d", "--name", "box", "busybox", "sleep", "100000")
    assert kinds(sampan, "box") == []
    sampan("pause", "box")
    assert kinds(sampan, "box") == ["paused"]
    sampan("unpause", "box")
    sampan("stop", "-t", "0", "box")
    assert kinds(sampan, "box") == ["stopped"]
    assert sampan("why", "--format", "{{.Status}} {{.ExitCode}}", "box").out == "exited 137\n"
    assert sampan("why", "gone", code=1).err.startswith("Error response from daemon: No such container: gone")


def test_a_port_that_is_taken_names_who_has_it(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "first", "-p", "127.0.0.1:0:80", "busybox", "sleep", "100000")
    port = sampan("port", "first", "80").out.strip().rpartition(":")[2]
    sampan("run", "-d", "--name", "second", "-p", f"127.0.0.1:{port}:80", "busybox", "true", code=125)
    assert kinds(sampan, "second")[0] == "port-taken"
    assert "is taken by the container first" in sampan("why", "second").out


def test_restarts_and_health_are_explained(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "loop", "--restart", "always", "busybox", "sh", "-c", "exit 4")
    until(lambda: kinds(sampan, "loop") == ["failed", "restarting"], "it waits for its restart")
    sampan("rm", "-f", "loop")
    sampan("run", "-d", "--name", "ill", "--health-cmd", "echo refused; false", "--health-interval", "10ms",
           "--health-retries", "2", "busybox", "sleep", "100000")  # fmt: skip
    until(lambda: kinds(sampan, "ill") == ["unhealthy"], "it is unhealthy")
    assert "  exit code 1: refused\n" in sampan("why", "ill").out


def test_a_hostile_entrypoint_is_looked_at_without_harm(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self/../../../../../../etc/shadow")
    (tmp_path / "loop").symlink_to("loop")
    subprocess.run(["mkfifo", "-m", "755", str(tmp_path / "pipe")], check=True)
    for name, kind in (("link", "not-found"), ("loop", "not-found"), ("pipe", "unreadable")):
        sampan("create", "--name", name, "-v", f"{tmp_path}:/w", "busybox", f"/w/{name}")
        assert kinds(sampan, name)[0] == kind
