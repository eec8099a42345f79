"""Any program may be killed at any time, each by itself: monitor, supervisor, runtime, all of them at a reboot."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from sampan.containers import wake
from sampan.engine import Engine
from sampan.linux import process
from sampan.storage import database as databases
from sampan.storage import schema
from sampan.storage.paths import paths_of
from sampan.testing import remains
from sampan.testing.command import Sampan
from sampan.testing.waiting import until

BOX = ("run", "-d", "--name", "box", "-p", "0:80", "busybox", "sleep", "100000")


def pids(sampan: Sampan) -> tuple[int, int]:
    """Of the one container: its first process and its monitor."""
    with sqlite3.connect(sampan.root + "/state.db") as connection:
        pid, monitor = connection.execute("SELECT pid, monitor_pid FROM container").fetchone()
    return int(pid), int(monitor)


def kill(pid: int) -> None:
    started = process.start_time(pid)
    os.kill(pid, signal.SIGKILL)
    assert process.wait_gone(pid, started, 10)


def kill_all(sampan: Sampan) -> None:
    """As a power cut does: nothing that was told of the end is kept."""
    first, monitor = pids(sampan)
    for pid in (monitor, first):
        kill(pid)


def state(sampan: Sampan) -> str:
    return sampan("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "box").out.strip()


def test_a_container_without_its_monitor_runs_on_and_obeys(sampan: Sampan) -> None:
    sampan(*BOX)
    kill(pids(sampan)[1])
    assert state(sampan) == "running 0"
    assert sampan("exec", "box", "echo", "inside").out == "inside\n"
    assert sampan("system", "check").code == 0
    sampan("stop", "-t", "0", "box")
    assert state(sampan) == "exited 255"
    remains.assert_none(sampan.root)
    sampan("start", "box")
    assert state(sampan) == "running 0"
    kill(pids(sampan)[1])
    sampan("rm", "-f", "box")
    remains.assert_none(sampan.root)


def test_a_container_that_restarts_always_does_so_also_when_its_monitor_was_killed(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "--restart", "always", "busybox", "sleep", "100000")
    before = pids(sampan)
    kill_all(sampan)
    sampan("ps", "-a")
    until(lambda: pids(sampan)[0] not in (0, before[0]), "it was started again")
    until(lambda: state(sampan) == "running 0", "it runs again")


def test_a_supervisor_that_was_killed_is_replaced_at_the_next_command(sampan: Sampan) -> None:
    paths = paths_of(sampan.root)
    sampan(
        "run", "-d", "--name", "box", "--health-cmd", "true", "--health-interval", "1h", "busybox", "sleep", "100000"
    )
    until(lambda: wake.is_supervised(paths), "it is watched")
    with open(wake.supervisor_lock(paths)) as file:
        kill(int(file.read().split()[0]))
    assert state(sampan) == "running 0"
    until(lambda: wake.is_supervised(paths), "it is watched again")


def test_a_container_that_the_kernel_killed_for_its_memory_says_so(sampan: Sampan) -> None:
    sampan("run", "--name", "box", "-m", "8m", "busybox", "tail", "/dev/zero", code=137)
    assert sampan("inspect", "-f", "{{.State.OOMKilled}}", "box").out == "true\n"


def test_a_step_whose_runtime_was_killed_fails_at_once_and_leaves_nothing(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo begun; sleep 100000\n")
    with sampan.start("build", "--progress", "plain", str(tmp_path)) as build:
        assert build.stderr is not None
        assert any(re.search(r"\d\.\d+ begun", line) for line in iter(build.stderr.readline, ""))
        runtimes = [pid for pid, _ in process.with_argument(paths_of(sampan.root).runtime, ("crun", "runc"))]
        assert len(runtimes) == 1
        kill(runtimes[0])
        out, err = build.communicate(timeout=30)
    assert build.returncode == 1
    assert "did not complete successfully" in out + err
    remains.assert_none(sampan.root)
    assert sampan("system", "check").code == 0


def test_after_a_reboot_all_is_exited_and_starts_again_with_bridge_and_rules(sampan: Sampan) -> None:
    sampan(*BOX)
    kill_all(sampan)
    remains.wait_for_monitors(sampan.root)
    paths = paths_of(sampan.root)
    until(lambda: len(os.listdir(f"/sys/class/net/{paths.bridge}/brif")) == 0, "its interface is gone")
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    subprocess.run(["ip", "link", "delete", paths.bridge], env=environment, check=True)
    subprocess.run(["nft", "delete", "table", "ip", paths.firewall_table], env=environment, check=True)
    for folder in Path("/sys/fs/cgroup").glob(f"**{paths.cgroup}/*/"):
        folder.rmdir()
    shutil.rmtree(paths.run)
    with sqlite3.connect(paths.database) as connection:
        connection.execute("UPDATE container SET boot_id = 'another'")
        connection.execute("INSERT INTO lease VALUES('container:gone', 1, 1, 'another', 1)")
    assert state(sampan) == "exited 255"
    assert sampan("system", "check").code == 0
    remains.assert_none(sampan.root)
    sampan("start", "box")
    assert state(sampan) == "running 0"
    assert "->80/tcp" in sampan("ps").out
    remains.assert_none(sampan.root)


def test_a_newer_sampan_takes_over_a_container_that_an_older_one_started(
    sampan: Sampan, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampan(*BOX)
    newer = (*schema.MIGRATIONS, "ALTER TABLE container ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue';")
    with monkeypatch.context() as patched:
        patched.setattr(databases, "MIGRATIONS", newer)
        with Engine(sampan.root) as engine:
            container = engine.containers.get("box")
            assert (container.status, container.exec(["echo", "inside"])) == ("running", (0, b"inside\n"))
            container.stop(0)
            assert container.reload().status == "exited"
            engine.containers.start("box")
            assert container.reload().status == "running"
            engine.containers.remove("box", force=True)
    with sqlite3.connect(paths_of(sampan.root).database) as connection:
        connection.execute("ALTER TABLE container DROP COLUMN colour")
        connection.execute(f"PRAGMA user_version={len(schema.MIGRATIONS)}")
    remains.assert_none(sampan.root)
