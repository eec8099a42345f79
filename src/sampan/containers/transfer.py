"""`cp`: files between the host and a container, and between a container and a tar stream.

The container's side is resolved in its root by descriptor, so that no link in it leads out, whatever its processes do
meanwhile. Files are copied by the kernel, without an archive in between.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from sampan.containers import happenings, places, roots, store
from sampan.containers.model import Container
from sampan.containers.places import Place
from sampan.errors import Conflict, InvalidArgument, NotFound, SampanError, Unavailable
from sampan.linux import fault, files
from sampan.linux.copying import TreeCopy
from sampan.runtime import bundle
from sampan.storage import compression, layers, locks, tar, unpacking
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TAR_END = 1024
T = TypeVar("T")


class Copied(NamedTuple):
    """What a copy did: the bytes that it would have taken as a tar, which is what docker reports, and the paths of
    devices that were not made on the host."""

    tar_bytes: int
    left_out: tuple[str, ...] = ()


class Refused(InvalidArgument):
    """A mistake on the host's side or between the two sides, which docker's client finds and the engine never sees."""


class Side(NamedTuple):
    """The container's side of a copy: `reference` as the caller named it, for messages."""

    reference: str
    path: str


def copy_out(database: Database, paths: Paths, side: Side, destination: str, *, follow_link: bool = False) -> Copied:
    """Copy from a container to `destination` on the host; the copies belong to the calling user.

    A folder that is there takes the source in under its name (of `/.` the content), else the source becomes
    `destination`. Devices are left out. Raises NotFound, InvalidArgument, Unavailable.
    """
    # The host's side first, and here: the root is looked at in another mount namespace and working directory.
    with _on_host(destination) as target:

        def copy(root: int, container: Container) -> Copied:
            with _source(root, side, follow_link) as source:
                job = TreeCopy(
                    uid=os.geteuid(),
                    gid=os.getegid(),
                    is_strict=True,
                    is_live=container.is_running,
                    with_devices=False,
                )
                _check_missing(source, target, destination)
                _copy(job, source, places.base_name(side.path), target)
                return Copied(job.tar_bytes + _TAR_END, tuple(job.left_out))

        return _inside(database, paths, side, "archive-path", copy)


def copy_in(
    database: Database,
    paths: Paths,
    source: str,
    side: Side,
    *,
    keep_owners: bool = False,
    follow_link: bool = False,
) -> Copied:
    """Copy from the host into a container; owners' numbers stay as they are.

    With `keep_owners` (docker's -a) what arrives belongs to the container's user where it has one. The rules are
    those of copy_out(). Raises NotFound, InvalidArgument, Conflict for a file system that is read-only, Unavailable.
    """
    database.require_room()
    with _host_source(source, follow_link) as given:

        def copy(root: int, container: Container) -> Copied:
            with _target(root, side) as target:
                uid, gid = (_owner(root, container) if keep_owners else None) or (None, None)
                job = TreeCopy(uid=uid, gid=gid, is_strict=True)
                _check_missing(given, target, side.path)
                _check_parent(root, side, target)
                _check_writable(root, target)
                _copy(job, given, _name_on_host(source), target)
                return Copied(job.tar_bytes + _TAR_END)

        return _inside(database, paths, side, "extract-to-dir", copy)


def read_archive(
    database: Database, paths: Paths, side: Side, write: Callable[[bytes], object], *, follow_link: bool = False
) -> None:
    """Give a tar of a file or folder of a container to `write`, in pieces. Raises NotFound, InvalidArgument."""

    def pack(root: int, container: Container) -> None:
        with _source(root, side, follow_link) as source:
            if not source.is_folder:
                name = places.base_name(side.path)
                layers.pack_folder(source.parent, write, top=name, only=source.name, is_live=container.is_running)
                return
            folder = places.open_folder(source)
            try:
                top = places.base_name(side.path) or ("." if side.path.strip("/") else "/")
                layers.pack_folder(folder, write, top=top.rstrip("/"), is_live=container.is_running)
            finally:
                os.close(folder)

    _inside(database, paths, side, "archive-path", pack)


def extract_archive(
    database: Database, paths: Paths, stream: tar.Readable, side: Side, *, keep_owners: bool = False
) -> None:
    """Lay out a tar, compressed or not, in a folder of a container. Raises NotFound, InvalidArgument when there is no
    such folder, Corrupt for a damaged archive or one that leads out of the folder, Conflict, Unavailable."""
    database.require_room()

    def extract(root: int, container: Container) -> None:
        with _target(root, side) as target:
            if not target.is_folder:
                raise Refused(f'destination "{side.reference}:{side.path}" must be a directory')
            _check_writable(root, target)
            unpacking.extract(
                compression.open_decompressed(stream),
                root,
                owner=_owner(root, container) if keep_owners else None,
                below=places.cleaned(side.path),
                is_strict=True,
            )

    _inside(database, paths, side, "extract-to-dir", extract)


def _inside(database: Database, paths: Paths, side: Side, action: str, function: Callable[[int, Container], T]) -> T:
    """Call `function` with the container's root as its processes see it, and record the event when it ended well."""
    container = store.find(database, side.reference)
    if not side.path:
        raise InvalidArgument("bad parameter: path cannot be empty")
    with ExitStack() as held:
        if not container.is_running:
            held.enter_context(locks.container(paths, container.id))
            container = store.find(database, container.id)
        try:
            result = roots.seen(database, paths, container, lambda root: function(root, container))
        except OSError as error:
            raise _explained(error, paths) from error
        fault.point("copy.copied")
        happenings.note(database, container, action)
        return result


def _explained(error: OSError, paths: Paths) -> SampanError:
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    what = f"{name}: {(error.strerror or str(error)).lower()}" if name else (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        return Unavailable(what, hint=f"free some space where the copy goes, or below {paths.root}")
    if error.errno == errno.EBUSY:
        return Conflict(what, hint="something is mounted there: write to it from inside (sampan exec)")
    if error.errno == errno.EROFS:
        return Conflict("container rootfs is marked read-only")
    return InvalidArgument(what)


@contextmanager
def _source(root: int, side: Side, follow_link: bool) -> Iterator[Place]:
    """The source in a container. Raises NotFound, InvalidArgument in Docker's words."""
    try:
        held = ExitStack()
        place = held.enter_context(places.found(root, side.path, follow=follow_link))
    except FileNotFoundError:
        raise _missing(side) from None
    except NotADirectoryError:
        raise InvalidArgument(f"lstat {side.path}: not a directory") from None
    with held:
        if place.info is None:
            raise _missing(side)
        fault.point("copy.resolved")
        yield place


def _missing(side: Side, path: str = "") -> NotFound:
    return NotFound(f"Could not find the file {path or side.path} in container {side.reference}")


@contextmanager
def _target(root: int, side: Side) -> Iterator[Place]:
    """The destination in a container, a last link followed; its `parent` may still have to be checked."""
    held = ExitStack()
    try:
        place = held.enter_context(places.found(root, side.path, follow=True))
    except FileNotFoundError:
        place = Place(-1, "", None)
    except NotADirectoryError:
        raise InvalidArgument("extraction point is not a directory") from None
    with held:
        if place.info is not None and not (place.is_folder or stat.S_ISREG(place.info.st_mode)):
            raise Refused(f'destination "{side.reference}:{side.path}" must be a directory or a regular file')
        yield place


def _check_missing(source: Place, target: Place, path: str) -> None:
    """Raises InvalidArgument where a file should become something whose name ends like a folder's."""
    if target.info is None and places.wants_folder(path) and not source.is_folder:
        raise Refused("no such directory")


def _check_parent(root: int, side: Side, target: Place) -> None:
    if target.parent < 0:
        raise _missing(side, os.path.dirname(places.cleaned(side.path)))


def _check_writable(root: int, target: Place) -> None:
    if os.fstatvfs(target.parent).f_flag & os.ST_RDONLY:
        if os.fstat(target.parent).st_dev == os.fstat(root).st_dev:
            raise Conflict("container rootfs is marked read-only")
        raise Conflict("mounted volume is marked read-only")


def _owner(root: int, container: Container) -> tuple[int, int] | None:
    """The container's user, None where it has none."""
    if not container.spec.config.user:
        return None
    user = bundle.identity(root, container.spec.config.user).user
    return user.uid, user.gid


def _copy(job: TreeCopy, source: Place, name: str, target: Place) -> None:
    """Copy a source to a place, or into it under `name` where a folder is there ("" is the source's content)."""
    if target.info is not None and not target.is_folder and source.is_folder:
        raise Refused("cannot copy directory")
    if not target.is_folder:
        _copy_entry(job, source, target.parent, target.name)
        return
    folder = places.open_folder(target)
    try:
        if name:
            _copy_entry(job, source, folder, name)
            return
        content = places.open_folder(source)
        try:
            job.tree(content, folder)
        finally:
            os.close(content)
    finally:
        os.close(folder)


def _copy_entry(job: TreeCopy, source: Place, parent: int, name: str) -> None:
    if source.name:
        job.entry(source.parent, source.name, parent, name)
    else:
        job.folder(source.parent, parent, name)


@contextmanager
def _host_source(path: str, follow_link: bool) -> Iterator[Place]:
    """The source on the host. Raises NotFound, InvalidArgument in Docker's words."""
    shown = os.path.abspath(path)
    real = os.path.realpath(path) if follow_link or places.wants_folder(path) else shown
    try:
        info = os.lstat(real)
    except OSError as error:
        raise Refused(f"lstat {shown}: {(error.strerror or '').lower()}") from error
    if places.wants_folder(path) and not stat.S_ISDIR(info.st_mode):
        raise Refused("not a directory")
    yield from _host_place(real, info)


def _name_on_host(path: str) -> str:
    return "" if places.wants_content(path) else os.path.basename(os.path.abspath(path))


@contextmanager
def _on_host(path: str) -> Iterator[Place]:
    """The destination on the host, a last link followed. Raises InvalidArgument in Docker's words."""
    real = os.path.realpath(path)
    if not os.path.isdir(os.path.dirname(real)):
        raise Refused(f'invalid output path: directory "{os.path.dirname(real)}" does not exist')
    info = os.lstat(real) if os.path.lexists(real) else None
    if info is not None and not (stat.S_ISDIR(info.st_mode) or stat.S_ISREG(info.st_mode)):
        kind = "a device" if stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode) else "an irregular file"
        raise Refused(
            f'invalid output path: "{os.path.abspath(path)}" must be a directory or a regular file: got {kind}'
        )
    yield from _host_place(real, info)


def _host_place(real: str, info: os.stat_result | None) -> Iterator[Place]:
    parent = os.open(os.path.dirname(real), files.DIRECTORY)
    try:
        yield Place(parent, os.path.basename(real), info)
    finally:
        os.close(parent)
