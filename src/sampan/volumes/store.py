"""Volumes in the database and below <root>/volumes."""

import json
import os
import re
import time
from collections.abc import Mapping

from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.linux import fault, files
from sampan.storage import events, leases
from sampan.storage.database import Database, Row
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_.-]+"
ANONYMOUS_LABEL = "com.docker.volume.anonymous"  # what a volume without a name is shown with
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
            # Of a volume that was removed just now, or whose removal was killed: its content is not the new one's.
            files.remove_below(paths.volumes, chosen)
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
            _gone(database, name)
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
        if not forget(database, name):
            if force:
                return
            raise NotFound(f"get {name}: no such volume")
    remove_folders(database, paths, [name])


def forget(database: Database, name: str) -> bool:
    """Delete the row of a volume, in the caller's transaction; its folder goes by `remove_folders` after the commit."""
    if not database.execute("DELETE FROM volume WHERE name = ?", (name,)):
        return False
    _gone(database, name)
    return True


def _gone(database: Database, name: str) -> None:
    # If we are killed, the void lease leads others to the folder.
    leases.take(database, f"tmp:{_removed(name)}")
    _tell(database, "destroy", name)


def _tell(database: Database, action: str, name: str) -> None:
    events.record(database, "volume", action, name, {"driver": "local"})


def size(paths: Paths, name: str) -> int:
    """Bytes of the files in a volume's folder; one that is a file system of its own has none in the store."""
    from sampan.linux.measuring import tree_bytes

    return tree_bytes(folder(paths, name))


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


def remove_folders(database: Database, paths: Paths, names: list[str]) -> None:
    """Remove the folders of volumes that forget() or release() deleted; one that somebody made anew meanwhile stays."""
    if not names:
        return
    fault.point("volume.forgotten")
    for name in names:
        files.remove_below(paths.tmp, _removed(name))  # of an earlier removal that was killed
    with database.transaction(durable=False):
        for name in names:
            if database.row("SELECT 1 FROM volume WHERE name = ?", (name,)) is None:
                _move_away(paths, name)
    fault.point("volume.moved")
    for name in names:
        files.remove_below(paths.tmp, _removed(name))
        leases.release(database, f"tmp:{_removed(name)}")


def _removed(name: str) -> str:
    """What a volume's folder is called below tmp/."""
    return f"volume-{name}"


def _move_away(paths: Paths, name: str) -> None:
    try:
        os.rename(f"{paths.volumes}/{name}", f"{paths.tmp}/{_removed(name)}")
    except FileNotFoundError:
        return


def sweep(database: Database, paths: Paths) -> None:
    """Remove folders that no row names: what a crash between commit and removal left."""
    known = {str(row[0]) for row in database.rows("SELECT name FROM volume")}
    orphans = [name for name in os.listdir(paths.volumes) if name not in known]
    if orphans:
        with database.transaction(durable=False):
            for name in orphans:
                leases.take(database, f"tmp:{_removed(name)}")
        remove_folders(database, paths, orphans)
