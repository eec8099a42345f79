"""Snapshots: unpacked layers, one folder each, in overlayfs form.

A removed file is a character device 0/0, a folder that hides what lies below has the xattr trusted.overlay.opaque=y.
A snapshot has no parent: an image or a build step is a list of snapshots, lowest first. Its id is known before its
content is; from new() until the rows that refer to it are committed it is leased by the process that makes it.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sampan.linux import fault, files
from sampan.storage import leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths

OPAQUE_XATTR = "trusted.overlay.opaque"


class Snapshot(NamedTuple):
    """A recorded snapshot; `size` is the bytes of its regular files, `diff_id` "" while it is not known."""

    id: str
    diff_id: str
    size: int


def lease_of(snapshot_id: str) -> str:
    """The lease that protects a snapshot."""
    return "snapshot:" + snapshot_id


def new(database: Database, paths: Paths, *, snapshot_id: str = "") -> str:
    """Make an empty snapshot, mode 0755 of root, leased by this process, and return its id (16 hex digits).

    It has the id that is given, unless a snapshot has that already.
    """
    database.require_room()
    if not snapshot_id or os.path.lexists(paths.layer(snapshot_id)):
        snapshot_id = os.urandom(8).hex()
    # The lease first: a folder without a row or a lease is garbage to whoever sees it.
    leases.take(database, lease_of(snapshot_id))
    fault.point("snapshot.leased")
    folder = paths.layer(snapshot_id)
    os.mkdir(folder, 0o755)
    os.chmod(folder, 0o755)
    os.chown(folder, 0, 0)
    fault.point("snapshot.made")
    return snapshot_id


def sync(paths: Paths) -> None:
    """Let what was laid out in layers/ survive a power cut: before the commit that names it (docs/decisions/012)."""
    folder = _open_folder(paths.layers)
    try:
        files.sync_file_system(folder)
    finally:
        os.close(folder)


def record(database: Database, snapshot_id: str, *, diff_id: str, size: int, recipe_size: int = 0) -> None:
    """Enter a finished snapshot, in the caller's transaction, which also commits what refers to it; sync() it before.

    `recipe_size` is that of its recipe's file, 0 when it has none (storage/recipes.py). The lease stays: release() it
    after that commit.
    """
    with database.transaction():
        database.execute(
            "INSERT INTO snapshot(id, diff_id, size, created_at, recipe_size) VALUES(?, ?, ?, ?, ?)",
            (snapshot_id, diff_id or None, size, time.time_ns(), recipe_size),
        )


def hold(database: Database, snapshot_id: str) -> bool:
    """Lease a recorded snapshot, so that no collection takes it; False when it is gone already."""
    with database.transaction():
        if database.row("SELECT 1 FROM snapshot WHERE id = ?", (snapshot_id,)) is None:
            return False
        leases.take(database, lease_of(snapshot_id))
    return True


@contextmanager
def holding(database: Database, choose: Callable[[], Iterable[str]]) -> Iterator[None]:
    """Lease the recorded snapshots that `choose` names, in the transaction that it reads in, for the body's time."""
    with database.transaction(durable=False):
        chosen = list(dict.fromkeys(choose()))
        for snapshot_id in chosen:
            hold(database, snapshot_id)
    try:
        yield
    finally:
        with database.transaction(durable=False):
            for snapshot_id in chosen:
                release(database, snapshot_id)


def release(database: Database, snapshot_id: str) -> None:
    """Give up this process's lease: committed rows refer to the snapshot, or it may be collected."""
    leases.release(database, lease_of(snapshot_id))


def discard(database: Database, paths: Paths, snapshot_id: str) -> None:
    """Remove a snapshot that nothing refers to: row, folder, lease. Raises sqlite3.IntegrityError when in use."""
    with database.transaction():
        database.execute("DELETE FROM snapshot WHERE id = ?", (snapshot_id,))
    remove_folder(paths, snapshot_id)
    release(database, snapshot_id)


def remove_folder(paths: Paths, snapshot_id: str) -> None:
    """Take a snapshot's folder away: out of layers/ at once, then its content, and its recipe. One that is gone is no
    error."""
    layers, temporary = _open_folder(paths.layers), _open_folder(paths.tmp)
    name = f"removed-{snapshot_id}"
    try:
        try:
            os.rename(snapshot_id, name, src_dir_fd=layers, dst_dir_fd=temporary)
        except FileNotFoundError:
            pass
        fault.point("snapshot.moved")
        _remove_recipe(paths, snapshot_id)
        files.remove_tree(temporary, name)
    finally:
        os.close(layers)
        os.close(temporary)


def _remove_recipe(paths: Paths, snapshot_id: str) -> None:
    for path in (paths.recipe(snapshot_id), paths.recipe(snapshot_id) + ".first"):
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue  # most layers have none


def _open_folder(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def find(database: Database, snapshot_id: str) -> Snapshot | None:
    row = database.row("SELECT id, diff_id, size FROM snapshot WHERE id = ?", (snapshot_id,))
    return None if row is None else Snapshot(str(row[0]), str(row[1] or ""), int(row[2] or 0))


def find_by_diff_id(database: Database, diff_id: str) -> Snapshot | None:
    """Any snapshot with that content, the oldest first; hold() it before relying on it."""
    row = database.row(
        "SELECT id, diff_id, size FROM snapshot WHERE diff_id = ? ORDER BY created_at LIMIT 1", (diff_id,)
    )
    return None if row is None else Snapshot(str(row[0]), str(row[1]), int(row[2] or 0))
