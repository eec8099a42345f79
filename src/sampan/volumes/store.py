"""Volumes in the database and below <root>/volumes."""

import json
import os
import re
import time
from collections.abc import Callable, Mapping

from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.linux import fault, files
from sampan.storage import events
from sampan.storage.database import Database, Row
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_.-]+"
_COLUMNS = "name, driver, labels, options, anonymous, created_at"


class Volume(NamedTuple):
    """A volume. `mountpoint` is its folder on the host; `created_at` in ns since the epoch."""

    name: str
    driver: str
    labels: Mapping[str, str]
    options: Mapping[str, str]
    anonymous: bool
    created_at: int
    mountpoint: str


def _volume(paths: Paths, row: Row) -> Volume:
    return Volume(
        name=str(row[0]),
        driver=str(row[1]),
        labels=json.loads(str(row[2])),
        options=json.loads(str(row[3])),
        anonymous=bool(row[4]),
        created_at=int(row[5] or 0),
        mountpoint=folder(paths, str(row[0])),
    )


def folder(paths: Paths, name: str) -> str:
    """Where a volume's content lives."""
    return f"{paths.volumes}/{name}/_data"


def check_name(name: str) -> None:
    """Raises InvalidArgument in Docker's words."""
    if len(name) == 1:
        raise InvalidArgument(
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )
    if not re.fullmatch(_NAME, name):
        raise InvalidArgument(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only'
            ' "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )


def ensure(
    database: Database,
    paths: Paths,
    name: str = "",
    *,
    driver: str = "local",
    labels: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> Volume:
    """The volume `name`, made when it is not there; "" makes an anonymous one. Joins a surrounding transaction.

    Of one that is there, labels and options stay as they are. Raises InvalidArgument for a bad name, an unknown driver
    or options that the driver does not take (see `volumes.driver`).
    """
    if driver not in ("", "local"):
        raise InvalidArgument(
            f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found',
            hint="only the local driver exists",
        )
    database.require_room()
    anonymous = not name
    chosen = name or os.urandom(32).hex()
    check_name(chosen)
    if options:
        from sampan.volumes import driver as local

        local.check(chosen, options)
    with database.transaction():
        is_added = database.execute(
            "INSERT OR IGNORE INTO volume(name, driver, labels, options, anonymous, created_at)"
            " VALUES(?, 'local', ?, ?, ?, ?)",
            (chosen, json.dumps(dict(labels or {})), json.dumps(dict(options or {})), int(anonymous), time.time_ns()),
        )
        if is_added:
            _tell(database, "create", chosen)
        # The folder before the commit: a row never stands for a folder that is missing.
        os.makedirs(f"{paths.volumes}/{chosen}", 0o700, exist_ok=True)
        if not os.path.isdir(folder(paths, chosen)):
            os.mkdir(folder(paths, chosen), 0o755)
        fault.point("volume.made")
    return get(database, paths, chosen)


def get(database: Database, paths: Paths, name: str) -> Volume:
    """Raises NotFound."""
    row = database.row(f"SELECT {_COLUMNS} FROM volume WHERE name = ?", (name,))
    if row is None:
        raise NotFound(f"get {name}: no such volume")
    return _volume(paths, row)


def all_volumes(database: Database, paths: Paths) -> list[Volume]:
    """Every volume by name."""
    return [_volume(paths, row) for row in database.rows(f"SELECT {_COLUMNS} FROM volume ORDER BY name")]


def use(database: Database, name: str, container_id: str) -> None:
    """Note that a container has the volume, in the caller's transaction."""
    database.execute("INSERT OR IGNORE INTO volume_use VALUES(?, ?)", (name, container_id))


def users(database: Database, name: str) -> list[str]:
    """Ids of the containers that have the volume."""
    return [str(row[0]) for row in database.rows("SELECT container_id FROM volume_use WHERE volume = ?", (name,))]


def release(database: Database, container_id: str, *, remove_anonymous: bool) -> list[str]:
    """Forget what a container used, in the caller's transaction; names of anonymous volumes that nobody uses any
    more and
    whose rows are gone with it, to be removed by `remove_folders` after the commit."""
    mine = [
        str(row[0]) for row in database.rows("SELECT volume FROM volume_use WHERE container_id = ?", (container_id,))
    ]
    database.execute("DELETE FROM volume_use WHERE container_id = ?", (container_id,))
    gone = []
    for name in mine if remove_anonymous else ():
        removed = database.execute(
            "DELETE FROM volume WHERE name = ? AND anonymous = 1"
            " AND NOT EXISTS(SELECT 1 FROM volume_use WHERE volume = volume.name)",
            (name,),
        )
        if removed:
            _tell(database, "destroy", name)
            gone.append(name)
    return gone


def remove(database: Database, paths: Paths, name: str, *, force: bool = False) -> None:
    """Remove a volume that no container has. Raises NotFound (not with `force`) or Conflict."""
    with database.transaction():
        holders = users(database, name)
        if holders:
            raise Conflict(
                f"remove {name}: volume is in use - [{', '.join(holders)}]", hint="remove those containers first"
            )
        if not database.execute("DELETE FROM volume WHERE name = ?", (name,)):
            if force:
                return
            raise NotFound(f"get {name}: no such volume")
        _tell(database, "destroy", name)
    remove_folders(paths, [name])


def prune(
    database: Database,
    paths: Paths,
    *,
    include_named: bool = False,
    accept: Callable[[Mapping[str, str]], bool] = lambda labels: True,
) -> list[tuple[str, int]]:
    """Remove volumes that no container has (anonymous ones unless `include_named`): [(name, bytes)]."""
    with database.transaction():
        rows = database.rows(
            "SELECT name, labels FROM volume WHERE NOT EXISTS(SELECT 1 FROM volume_use WHERE volume = volume.name)"
            + ("" if include_named else " AND anonymous = 1")
        )
        removed = [(str(row[0]), size(paths, str(row[0]))) for row in rows if accept(json.loads(str(row[1])))]
        for name, _ in removed:
            database.execute("DELETE FROM volume WHERE name = ?", (name,))
            _tell(database, "destroy", name)
        events.record(database, "volume", "prune", "", {"reclaimed": str(sum(size for _, size in removed))})
    remove_folders(paths, [name for name, _ in removed])
    return removed


def _tell(database: Database, action: str, name: str) -> None:
    events.record(database, "volume", action, name, {"driver": "local"})


def size(paths: Paths, name: str) -> int:
    """Bytes of the regular files in a volume."""
    total = 0
    for _, _, names, fd in os.fwalk(folder(paths, name)):
        for entry in names:
            try:
                total += os.stat(entry, dir_fd=fd, follow_symlinks=False).st_size
            except FileNotFoundError:
                continue  # a running container removes files too
    return total


def lock(paths: Paths, name: str) -> int:
    """The lock of a volume as a descriptor, waiting for it; it is one of its folder, and leaves nothing behind."""
    import fcntl

    fd = os.open(f"{paths.volumes}/{name}", files.DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except BaseException:
        os.close(fd)
        raise
    return fd


def remove_folders(paths: Paths, names: list[str]) -> None:
    """Remove the folders of volumes whose rows are gone."""
    if not names:
        return
    fault.point("volume.forgotten")
    top = os.open(paths.volumes, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            files.remove_tree(top, name)
    finally:
        os.close(top)


def sweep(database: Database, paths: Paths) -> None:
    """Remove folders that no row names: what a crash between commit and removal left."""
    with database.transaction():
        known = {str(row[0]) for row in database.rows("SELECT name FROM volume")}
        remove_folders(paths, [name for name in os.listdir(paths.volumes) if name not in known])
