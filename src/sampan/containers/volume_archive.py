"""`volume export` and `volume import`: a volume's content as a tar, and back.

An import is laid out beside the volume and changes places with its content when it is whole: a damaged archive, a full
disk or a kill leaves the volume as it was.
"""

import errno
import os
from collections.abc import Callable

from sampan.containers import claims, staging, store
from sampan.errors import Conflict, InvalidArgument, NotFound, Unavailable
from sampan.linux import fault, files, namespace
from sampan.storage import backup, compression, leases, tar, unpacking
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import driver
from sampan.volumes import store as volumes
from sampan.volumes.store import Volume

_FULL = (errno.ENOSPC, errno.EDQUOT)


def export(database: Database, paths: Paths, name: str, write: Callable[[bytes], object]) -> None:
    """Give the tar of a volume to `write`, in pieces; containers that use it go on meanwhile. Raises NotFound."""
    folder = _opened(database, volumes.get(database, paths, name))
    try:
        backup.pack(folder, write, is_live=bool(volumes.users(database, name)))
    finally:
        os.close(folder)


def load(database: Database, paths: Paths, name: str, stream: tar.Readable, *, merge: bool = False) -> None:
    """Replace a volume's content by that of a tar, compressed or not; a volume that is not there is made.

    With `merge` the archive is laid over what is there, also while containers use it. Raises Conflict when a container
    that runs has the volume, Corrupt for a damaged archive or one that leads out of it, Unavailable when the disk is
    full, InvalidArgument for a volume that is a file system of its own without `merge`.
    """
    database.require_room()
    volumes.check_name(name)
    plain = compression.open_decompressed(stream)
    try:
        if merge:
            _merge(database, paths, name, plain)
        else:
            _replace(database, paths, name, plain)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise Unavailable(
            f"import into volume {name}: {(error.strerror or '').lower()}", hint=f"free some space below {paths.root}"
        ) from error


def _merge(database: Database, paths: Paths, name: str, plain: tar.Readable) -> None:
    folder = _opened(database, volumes.ensure(database, paths, name))
    try:
        unpacking.extract(plain, folder, is_backup=True)
        files.sync_file_system(folder)
    finally:
        os.close(folder)


def _replace(database: Database, paths: Paths, name: str, plain: tar.Readable) -> None:
    # Asked before the archive is read, which may take long, and again when it takes its place.
    _check_unused(database, paths, name)
    temporary = f"import-{os.urandom(8).hex()}"
    leases.take(database, f"tmp:{temporary}")
    try:
        os.mkdir(f"{paths.tmp}/{temporary}", 0o700)
        fresh = f"{paths.tmp}/{temporary}/_data"
        os.mkdir(fresh, 0o755)
        os.chmod(fresh, 0o755)
        folder = os.open(fresh, files.DIRECTORY)
        try:
            unpacking.extract(plain, folder, is_backup=True)
            fault.point("import-volume.unpacked")
            files.sync_file_system(folder)
        finally:
            os.close(folder)
        with volumes.claimed(database, paths, [name]):
            _put_in_place(database, paths, name, f"{paths.tmp}/{temporary}")
        fault.point("import-volume.placed")
    finally:
        files.remove_below(paths.tmp, temporary)
        leases.release(database, f"tmp:{temporary}")


def _put_in_place(database: Database, paths: Paths, name: str, fresh: str) -> None:
    """Let the new content and the old one change places, while nobody can start a container with the volume."""
    with database.transaction():
        _check_unused(database, paths, name)
        volumes.ensure(database, paths, name)
        new, old = os.open(fresh, files.DIRECTORY), os.open(f"{paths.volumes}/{name}", files.DIRECTORY)
        try:
            files.exchange(new, "_data", old, "_data")
        finally:
            os.close(new)
            os.close(old)


def _check_unused(database: Database, paths: Paths, name: str) -> None:
    """Raises Conflict where a container that runs, or is being started, has the volume; InvalidArgument for a volume
    that is no folder of the store."""
    try:
        volume = volumes.get(database, paths, name)
    except NotFound:
        return
    if driver.is_mounted(volume.options):
        raise InvalidArgument(
            f"the content of volume {name} cannot be replaced: it is a file system of its own",
            hint=f"lay the archive over what is there: sampan volume import --merge {name}",
        )
    held = leases.held(database)
    for container_id in volumes.users(database, name):
        container = store.get(database, container_id)
        if container is not None and (container.is_running or claims.lease_of(container_id) in held):
            raise Conflict(
                f"import {name}: volume is in use - [{container_id}]",
                hint=f"stop it first (sampan stop {container.name}), or lay the archive over what is there: --merge",
            )


def _opened(database: Database, volume: Volume) -> int:
    """The folder of a volume's content, as containers see it."""
    if not driver.is_mounted(volume.options):
        return os.open(volume.mountpoint, files.DIRECTORY)

    def body() -> int:
        if not staging.attach_shared(database, volume) and driver.is_memory(volume.options):
            raise Conflict(
                f"volume {volume.name} has no content: it lies in memory, and no container that runs has it",
                hint="start one that does",
            )
        return os.open(volume.mountpoint, files.DIRECTORY)

    # The descriptor keeps the file system alive when the namespace has ended.
    return namespace.in_private_mounts(body)
