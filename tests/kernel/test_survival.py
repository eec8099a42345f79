"""Containers survive sampan's processes; records survive a reboot, the monitor's death and a newer schema."""

import os
import signal
import sqlite3
from pathlib import Path

import pytest

from sampan.errors import Unsupported
from sampan.storage import database as databases
from sampan.storage import schema
from sampan.storage.paths import paths_of
from sampan.testing.command import Sampan
from sampan.testing.waiting import until


def field(sampan: Sampan, name: str, template: str) -> str:
    return sampan("inspect", "-f", template, name).out.strip()


def column(sampan: Sampan, name: str) -> int:
    with sqlite3.connect(sampan.root + "/state.db") as connection:
        row = connection.execute(f"SELECT {name} FROM container").fetchone()
    return int(row[0])


def test_ps_tells_the_truth_when_the_monitor_and_the_container_were_killed(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "-p", "0:80", "busybox", "sleep", "100000")
    os.kill(column(sampan, "monitor_pid"), signal.SIGKILL)
    os.kill(column(sampan, "pid"), signal.SIGKILL)
    until(lambda: not Path(f"/proc/{column(sampan, 'pid')}").exists() or column(sampan, "pid") == 0, "it is gone")
    assert sampan("ps", "-q").out == ""
    assert field(sampan, "box", "{{.State.Status}}") == "exited"
    assert sampan("system", "check").code == 0
    sampan("start", "box")
    assert field(sampan, "box", "{{.State.Status}}") == "running"


def test_a_container_whose_process_was_killed_is_shown_as_exited_with_137(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "busybox", "sleep", "100000")
    os.kill(column(sampan, "pid"), signal.SIGKILL)
    assert sampan("wait", "box").out == "137\n"
    assert field(sampan, "box", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137"
    assert sampan("system", "check").code == 0


def test_a_container_outlives_the_foreground_run_and_its_exit_is_still_recorded(sampan: Sampan) -> None:
    with sampan.start("run", "--name", "box", "busybox", "sh", "-c", "sleep 100000; exit 3") as process:
        until(lambda: sampan("ps", "-q").out != "", "it runs")
        process.send_signal(signal.SIGKILL)
    assert field(sampan, "box", "{{.State.Status}}") == "running"
    sampan("exec", "box", "kill", "1")
    sampan("kill", "box")
    assert field(sampan, "box", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137"


def test_after_a_reboot_containers_are_exited_and_start_again(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "-p", "0:80", "busybox", "sleep", "100000")
    os.kill(column(sampan, "monitor_pid"), signal.SIGKILL)
    os.kill(column(sampan, "pid"), signal.SIGKILL)
    with sqlite3.connect(sampan.root + "/state.db") as connection:
        connection.execute("UPDATE container SET boot_id = 'another'")
    assert field(sampan, "box", "{{.State.Status}}") == "exited"
    sampan("start", "box")
    assert field(sampan, "box", "{{.State.Status}}") == "running"
    assert "->80/tcp" in sampan("ps").out
    assert sampan("system", "check").code == 0


def test_a_newer_sampan_migrates_the_store_and_an_older_one_refuses_it(
    sampan: Sampan, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampan("run", "-d", "--name", "box", "busybox", "sleep", "100000")
    newer = (*schema.MIGRATIONS, "ALTER TABLE container ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue';")
    path = paths_of(sampan.root).database
    with monkeypatch.context() as patched:
        patched.setattr(databases, "MIGRATIONS", newer)
        database = databases.Database(path)
        assert database.rows("SELECT name, status, colour FROM container") == [("box", "running", "blue")]
        database.close()
    with pytest.raises(Unsupported, match="written by a newer sampan"):
        databases.Database(path)
    refused = sampan("ps", code=None)
    assert refused.code == 1 and "newer sampan" in refused.err
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE container DROP COLUMN colour")
        connection.execute(f"PRAGMA user_version={len(schema.MIGRATIONS)}")
    assert sampan("ps", "-q").out != ""
