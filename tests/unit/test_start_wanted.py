"""What a user and the supervisor, or a kill, may do to a container at the same moment."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from sampan.containers import control, look, start, store
from sampan.containers.model import STOPPED, Container, Spec
from sampan.containers.options import RestartPolicy, RunOptions
from sampan.engine.supervision import restarting
from sampan.linux import cgroup, process
from sampan.oci.config import ContainerConfig
from sampan.storage import leases, locks
from sampan.storage import paths as layout
from sampan.storage.database import Database
from sampan.storage.paths import Paths

ID = "a" * 64


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(root=str(tmp_path / "root"), run=str(tmp_path / "run"), key="0")
    layout.create(made)
    return made


@pytest.fixture
def database(paths: Paths) -> Iterator[Database]:
    database = Database(paths.database)
    options = RunOptions("busybox", restart=RestartPolicy("always"))
    store.insert(database, Container(ID, "box", "sha256:1", (), Spec(options, ContainerConfig()), 1))
    store.update(database, ID, status="restarting")
    yield database
    database.close()


def test_one_that_is_stopped_at_the_last_moment_is_not_started_again(
    database: Database, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Mock()
    monkeypatch.setattr(start, "_Start", started)
    # Before the lock is taken, after the first look at the record.
    monkeypatch.setattr(start, "_let_monitor_go", lambda database, name: control.stop(database, paths, name))
    assert not restarting.start_again(database, paths, ID)
    started.assert_not_called()
    found = store.get(database, ID)
    assert found is not None and (found.status, found.stopped_by_user) == ("exited", STOPPED)


def test_a_stop_waits_for_who_starts_it_again(database: Database, paths: Paths) -> None:
    import threading

    with locks.container(paths, ID):
        stopping = threading.Thread(target=control.stop, args=(database, paths, ID))
        stopping.start()
        stopping.join(0.1)
        assert stopping.is_alive()
    stopping.join(10)
    found = store.get(database, ID)
    assert found is not None and found.status == "exited"


def test_one_that_a_killed_pause_left_frozen_is_thawed(
    database: Database, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise SystemExit

    pid, pid_start, boot_id = process.own_identity()
    store.update(database, ID, status="running", monitor_pid=pid, monitor_start=pid_start, boot_id=boot_id)
    thaw = Mock()
    monkeypatch.setattr(cgroup, "thaw", thaw)
    monkeypatch.setattr(cgroup, "freeze", lambda path: die())
    with pytest.raises(SystemExit):
        control.pause(database, paths, ID)
    database.execute("UPDATE lease SET boot_id = 'another'")  # its holder is gone
    assert look.look(database, paths)
    thaw.assert_called_once()
    monkeypatch.setattr(cgroup, "freeze", Mock())
    control.pause(database, paths, ID)
    assert not look.has_changed(database, paths)
    assert not leases.all_leases(database)


@pytest.mark.parametrize(("release", "expected"), [("5.15+", True), ("5.11.0-9-x", False), ("6.1", True), ("x", False)])
def test_recursive_read_only_is_told_by_any_kernel_release(
    release: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "uname", lambda: Mock(release=release))
    assert start._has_recursive_read_only() is expected
