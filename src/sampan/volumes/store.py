"""Volumes in the database and below <root>/volumes."""

import errno
import json
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.linux import fault, files
from sampan.oci.hashing import sha256
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
    is_anonymous: bool = False,
) -> Volume:
    """The volume `name`, made when it is not there; "" makes an anonymous one. Joins a surrounding transaction.

    Of one that is there, labels and options stay as they are. A folder that only the database does not know any more
    becomes the volume's with its content. `is_anonymous` is said of a `name` that is new_name()'s. Raises
    InvalidArgument for a bad name, an unknown driver or options that the driver does not take (see `volumes.driver`).
    """
    if driver not in ("", "local"):
        raise InvalidArgument(
            f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found',
            hint="only the local driver exists",
        )
    database.require_room()
    anonymous = is_anonymous or not name
    chosen = name or new_name()
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
            if database.row("SELECT 1 FROM lease WHERE resource = ?", (_lease(chosen),)) is not None:
                # Of a volume that was removed just now, or whose removal was killed: its content is not the new one's.
                files.remove_below(paths.volumes, chosen)
        # The folder before the commit: a row never stands for a folder that is missing.
        os.makedirs(f"{paths.volumes}/{chosen}", 0o700, exist_ok=True)
        if not os.path.isdir(folder(paths, chosen)):
            os.mkdir(folder(paths, chosen), 0o755)
        fault.point("volume.made")
    return get(database, paths, chosen)


def new_name() -> str:
    """A name for an anonymous volume."""
    return os.urandom(32).hex()


@contextmanager
def claimed(database: Database, paths: Paths, names: Sequence[str]) -> Iterator[None]:
    """Make volumes that have content before they are committed: the folders of those that then do not exist, because
    the body failed or was killed, are removed."""
    with database.transaction(durable=False):
        for name in names:
            leases.take(database, _lease(name))
    try:
        yield
    except BaseException:
        remove_folders(database, paths, names)
        raise
    with database.transaction(durable=False):
        for name in names:
            leases.release(database, _lease(name))


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
    leases.take(database, _lease(name))
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


def remove_folders(database: Database, paths: Paths, names: Sequence[str]) -> None:
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
        leases.release(database, _lease(name))


def _removed(name: str) -> str:
    """What a volume's folder is called below tmp/: as long as a file's name may be, a volume's leaves no room."""
    return f"volume-{sha256(name.encode()).hexdigest()[:32]}"


def _lease(name: str) -> str:
    return f"tmp:{_removed(name)}"


def _move_away(paths: Paths, name: str) -> None:
    try:
        os.rename(f"{paths.volumes}/{name}", f"{paths.tmp}/{_removed(name)}")
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EBUSY):
            raise
        # It is a mount point, or volumes/ is one.
        try:
            files.remove_below(paths.volumes, name)
        except OSError as busy:
            if busy.errno != errno.EBUSY:
                raise


def orphans(database: Database, paths: Paths) -> list[str]:
    """Names of folders that no row names."""
    known = {str(row[0]) for row in database.rows("SELECT name FROM volume")}
    return [name for name in os.listdir(paths.volumes) if name not in known]


def is_empty(paths: Paths, name: str) -> bool:
    """Whether a volume's folder has no content."""
    try:
        with os.scandir(folder(paths, name)) as entries:
            return next(entries, None) is None
    except FileNotFoundError:
        return True
    except OSError:
        return False  # a file, or what cannot be read


def sweep(database: Database, paths: Paths, void: Collection[str]) -> None:
    """Remove folders that no row names and that a killed process left: a void lease says so, or they are empty, as
    those of a creation that was not committed. `void` are the resources of such leases.

    Others stay: they are volumes that the database has lost, as when an older one was put in its place. What cannot be
    removed is left for a later time: no command fails for it.
    """
    for name in orphans(database, paths):
        with suppress(OSError):
            if _lease(name) in void:
                leases.take(database, _lease(name))
                remove_folders(database, paths, [name])
            elif is_empty(paths, name):
                _remove_empty(database, paths, name)


def _remove_empty(database: Database, paths: Paths, name: str) -> None:
    with database.transaction(durable=False):
        if database.row("SELECT 1 FROM volume WHERE name = ?", (name,)) is None:
            with suppress(FileNotFoundError):
                os.rmdir(folder(paths, name))
            os.rmdir(f"{paths.volumes}/{name}")
