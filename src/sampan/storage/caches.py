"""Cache mounts of builds: folders that outlive the steps that use them, one below cache-mounts/ each.

A row is committed before its folder is there, and is gone before the folder goes: a folder without a row is left over,
and a row without a folder is a cache that is empty. Who uses a cache holds the lock of it, shared with others or alone.
"""

import fcntl
import os
import time
from typing import NamedTuple

from sampan.linux import fault, files
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_COLUMNS = "id, name, base, description, created_at, used_at, uses, size"


class CacheMount(NamedTuple):
    """`name` is namespace/id, `base` what it began with. Times in ns since the epoch; `size` in bytes, -1 when it was
    used since it was measured."""

    id: str
    name: str
    base: str
    description: str
    created_at: int
    used_at: int
    uses: int
    size: int


def all_caches(database: Database) -> list[CacheMount]:
    rows = database.rows(f"SELECT {_COLUMNS} FROM cache_mount ORDER BY used_at DESC, id")
    return [
        CacheMount(
            str(row[0]),
            str(row[1]),
            str(row[2]),
            str(row[3]),
            int(row[4] or 0),
            int(row[5] or 0),
            int(row[6] or 0),
            -1 if row[7] is None else int(row[7]),
        )
        for row in rows
    ]


def measured(database: Database, paths: Paths) -> list[CacheMount]:
    """All caches, the one used last first, with their sizes; folders that were used since are walked."""
    from sampan.linux.measuring import tree_bytes

    found = []
    for cache in all_caches(database):
        if cache.size < 0:
            cache = cache._replace(size=tree_bytes(paths.cache_mount(cache.id)))
            with database.transaction(durable=False):
                database.execute(
                    "UPDATE cache_mount SET size = ? WHERE id = ? AND used_at = ?",
                    (cache.size, cache.id, cache.used_at),
                )
        found.append(cache)
    return found


def candidates(database: Database, name: str, base: str) -> list[str]:
    """The ids of the caches of a name that began with the same, the oldest first."""
    rows = database.rows("SELECT id FROM cache_mount WHERE name = ? AND base = ? ORDER BY created_at, id", (name, base))
    return [str(row[0]) for row in rows]


def exists(database: Database, cache_id: str) -> bool:
    return database.row("SELECT 1 FROM cache_mount WHERE id = ?", (cache_id,)) is not None


def add(database: Database, cache_id: str, name: str, base: str, description: str) -> None:
    """Enter a cache; its folder is put in place after it."""
    now = time.time_ns()
    with database.transaction():
        database.execute(
            "INSERT INTO cache_mount(id, name, base, description, created_at, used_at, uses)"
            " VALUES(?, ?, ?, ?, ?, ?, 0)",
            (cache_id, name, base, description, now, now),
        )


def mark_used(database: Database, cache_ids: tuple[str, ...]) -> None:
    """Note that caches were of use: their size is another one by this time."""
    with database.transaction(durable=False):
        for cache_id in cache_ids:
            database.execute(
                "UPDATE cache_mount SET used_at = ?, uses = uses + 1, size = NULL WHERE id = ?",
                (time.time_ns(), cache_id),
            )


def try_lock(paths: Paths, cache_id: str, *, shared: bool) -> int | None:
    """The lock of a cache as a descriptor, which closing releases; None when others hold it so that it can't be had."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    return locks.acquire(_lock_path(paths, cache_id), kind | fcntl.LOCK_NB)


def _lock_path(paths: Paths, cache_id: str) -> str:
    return f"{paths.locks}/cache-{cache_id}"


def is_used(paths: Paths, cache_id: str) -> bool:
    """Whether a build uses it at this moment."""
    fd = try_lock(paths, cache_id, shared=False)
    if fd is None:
        return True
    unlock(paths, cache_id, fd)
    return False


def unlock(paths: Paths, cache_id: str, fd: int) -> None:
    """Give up the lock of a cache that was held alone; its file goes, and who waits makes another."""
    try:
        os.unlink(_lock_path(paths, cache_id))
    except FileNotFoundError:
        pass
    os.close(fd)


def forget(database: Database, cache_id: str) -> None:
    """The deciding half of a removal, in the caller's transaction; remove() follows."""
    database.execute("DELETE FROM cache_mount WHERE id = ?", (cache_id,))
    # If we are killed, the void lease leads others to the folder.
    leases.take(database, f"tmp:{_removed(cache_id)}")


def remove(database: Database, paths: Paths, cache_id: str) -> None:
    """Take the folder of a forgotten cache away. One that is gone is no error."""
    remove_folder(paths, cache_id)
    leases.release(database, f"tmp:{_removed(cache_id)}")


def _removed(cache_id: str) -> str:
    return f"removed-cache-{cache_id}"


def remove_folder(paths: Paths, cache_id: str) -> None:
    """Take a cache's folder away: out of cache-mounts/ at once, then its content."""
    try:
        os.rename(paths.cache_mount(cache_id), f"{paths.tmp}/{_removed(cache_id)}")
    except FileNotFoundError:
        return
    fault.point("cache-mount.moved")
    files.remove_below(paths.tmp, _removed(cache_id))


def orphans(database: Database, paths: Paths) -> list[str]:
    """Ids of folders that no row names. Safe beside builds: a row is committed before its folder is put in place."""
    try:
        present = os.listdir(paths.cache_mounts)
    except FileNotFoundError:
        return []
    return [name for name in present if not exists(database, name)]
