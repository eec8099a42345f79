"""What a process in a container gets of the host: no file, no terminal, no more than its pipes."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from sampan.testing.command import Sampan

DESCRIPTORS = ("sh", "-c", "for n in 0 1 2; do readlink /proc/$$/fd/$n; done >&2")


@pytest.fixture
def box(sampan: Sampan) -> Sampan:
    sampan("run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "100000")
    return sampan


def kinds(text: str) -> set[str]:
    return {line.partition(":")[0] for line in text.split()}


def test_exec_hands_out_no_file_of_the_host(box: Sampan, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("secret\n")
    path.chmod(0o600)
    script = "test -p /proc/self/fd/1 && chmod 6777 /proc/self/fd/1; chown 5:5 /proc/self/fd/1; echo written"
    with path.open("a") as log:
        subprocess.run(box.command("exec", "box", "sh", "-c", script), stdout=log, stderr=subprocess.PIPE, timeout=60)
    assert path.read_text() == "secret\nwritten\n"
    assert (os.stat(path).st_mode & 0o7777, os.stat(path).st_uid) == (0o600, os.getuid())


def test_exec_without_a_terminal_hands_out_none(box: Sampan) -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(box.command("exec", "-i", "box", *DESCRIPTORS), stdin=slave, stdout=slave, stderr=slave):
        os.close(slave)
        printed = b""
        while b"\n" not in printed or printed.count(b"\n") < 3:
            printed += os.read(master, 4096)
    os.close(master)
    assert kinds(printed.decode()) == {"pipe"}


def test_streams_of_an_exec_are_carried_whole_and_in_order(box: Sampan, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "in").write_bytes(data)
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as target:
        done = subprocess.run(box.command("exec", "-i", "box", "sh", "-c", "cat; exit 7"), stdin=source, stdout=target)
    assert done.returncode == 7
    assert (tmp_path / "out").read_bytes() == data
    script = "for n in 1 2 3 4 5 6 7 8; do echo $n; echo $n >&2; done"
    with (tmp_path / "out").open("wb") as target:
        subprocess.run(box.command("exec", "box", "sh", "-c", script), stdout=target, stderr=target, check=True)
    assert (tmp_path / "out").read_text().split() == [str(n) for n in range(1, 9) for _ in range(2)]


def test_an_exec_ends_with_its_process_whatever_holds_its_streams(box: Sampan, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as target:
        subprocess.run(
            box.command("exec", "box", "sh", "-c", "sleep 100000 & echo started"), stdout=target, check=True, timeout=60
        )
    assert (tmp_path / "out").read_text() == "started\n"


def test_an_exec_that_does_not_read_its_input_ends(box: Sampan) -> None:
    with open("/dev/zero", "rb") as zeros:
        done = subprocess.run(
            box.command("exec", "-i", "box", "echo", "done"), stdin=zeros, capture_output=True, timeout=60
        )
    assert done.stdout == b"done\n"


def test_a_closed_output_is_no_other_file(box: Sampan) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *box.command("exec", "box", "echo", "x")], stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "No problems found." in box("system", "check").out


@pytest.mark.parametrize("path", ["/", "/proc/self/fd/0", "/proc/self/cwd"])
def test_no_folder_of_the_host_is_reachable_through_proc(box: Sampan, path: str) -> None:
    folder = os.path.dirname(os.path.realpath(__file__))
    for words in (("run", "--rm", "--network", "none", "busybox"), ("exec", "box")):
        assert box(*words, "ls", "-d", f"{path}{folder}", code=None).out == ""


def test_limits_are_applied_to_what_runs(sampan: Sampan) -> None:
    options = ("-m", "32m", "--cpus", "0.5", "--pids-limit", "20", "--ulimit", "nofile=100:200")
    names = ("memory.limit_in_bytes", "memory.max", "pids.max", "cpu.cfs_quota_us", "cpu.max")
    paths = " ".join(f"/sys/fs/cgroup/{name} /sys/fs/cgroup/*/{name}" for name in names)
    script = f"ulimit -Sn; ulimit -Hn; cat {paths} 2>/dev/null"
    out = sampan("run", "--rm", "--network", "none", *options, "busybox", "sh", "-c", script, code=None).out
    assert {"100", "200", "33554432", "20", "50000"} <= set(out.split())


def test_kernel_interfaces_are_out_of_reach(sampan: Sampan) -> None:
    script = """
mknod /disk b 8 0 && ! cat /disk
mknod /watchdog c 10 130 && ! cat /watchdog
! echo 1 > /proc/sys/kernel/panic
! mount -t tmpfs x /mnt
! unshare -U true
! echo 1 > /sys/fs/cgroup/memory/tasks
test -z "$(cat /proc/keys)"
"""
    sampan("run", "--rm", "--network", "none", "busybox", "sh", "-ec", script)
