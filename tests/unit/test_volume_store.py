"""Volumes whose removal or creation was killed, and folders that the database has lost."""

import os
from pathlib import Path

import pytest

from sampan.containers import look, reconcile
from sampan.storage import leases
from sampan.storage import paths as layout
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import store

LONGEST = "v" * 255


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(root=str(tmp_path / "root"), run=str(tmp_path / "run"), key="0")
    layout.create(made)
    return made


@pytest.fixture
def database(paths: Paths) -> Database:
    return Database(paths.database)


def fill(paths: Paths, name: str) -> None:
    Path(store.folder(paths, name), "file").write_text("content")


def let_holders_die(database: Database) -> None:
    database.execute("UPDATE lease SET boot_id = 'another'")


def test_a_volume_with_the_longest_name_is_removed(database: Database, paths: Paths) -> None:
    store.ensure(database, paths, LONGEST)
    fill(paths, LONGEST)
    store.remove(database, paths, LONGEST)
    assert not os.listdir(paths.volumes) + os.listdir(paths.tmp)
    assert not leases.all_leases(database)


def test_what_a_killed_removal_left_goes(database: Database, paths: Paths) -> None:
    for name in ("data", LONGEST):
        store.ensure(database, paths, name)
        fill(paths, name)
        with database.transaction():
            store.forget(database, name)
    let_holders_die(database)
    assert look.look(database, paths)
    assert not os.listdir(paths.volumes) + os.listdir(paths.tmp)
    assert not leases.all_leases(database)


def test_a_volume_that_the_database_has_lost_stays_and_can_be_had_back(database: Database, paths: Paths) -> None:
    store.ensure(database, paths, "data")
    fill(paths, "data")
    database.execute("DELETE FROM volume")
    os.makedirs(store.folder(paths, "begun"))
    assert look.look(database, paths)
    assert os.listdir(paths.volumes) == ["data"]
    assert not look.has_changed(database, paths)
    found = store.ensure(database, paths, "data")
    assert os.listdir(found.mountpoint) == ["file"]


def test_a_volume_made_in_the_place_of_one_whose_removal_was_killed_is_empty(database: Database, paths: Paths) -> None:
    store.ensure(database, paths, "data")
    fill(paths, "data")
    with database.transaction():
        store.forget(database, "data")
    assert os.listdir(store.ensure(database, paths, "data").mountpoint) == []


def test_the_content_of_a_volume_that_was_not_committed_goes(database: Database, paths: Paths) -> None:
    with pytest.raises(RuntimeError), store.claimed(database, paths, ["data"]), database.transaction():
        store.ensure(database, paths, "data")
        fill(paths, "data")
        raise RuntimeError
    assert not os.listdir(paths.volumes)
    assert not leases.all_leases(database)


def test_what_cannot_be_removed_fails_no_command(
    database: Database, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: str, name: str) -> None:
        raise PermissionError(1, "Operation not permitted", f"{folder}/{name}")

    store.ensure(database, paths, "data")
    with database.transaction():
        store.forget(database, "data")
    let_holders_die(database)
    with monkeypatch.context() as patched:
        patched.setattr("sampan.linux.files.remove_below", refuse)
        reconcile.repair(database, paths)
    let_holders_die(database)
    reconcile.repair(database, paths)
    assert os.listdir(paths.volumes) == os.listdir(paths.tmp) == []
