"""`docker import`: a root file system becomes an image of one layer. Also how images made on this host end."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sampan.errors import NotFound, Unavailable
from sampan.images import changes as change_list
from sampan.images import clock, happenings, store
from sampan.linux import fault
from sampan.oci import platform
from sampan.oci import reference as references
from sampan.oci.config import ContainerConfig, History, ImageConfig
from sampan.storage import compression, layers, snapshots, tar, unpacking
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def import_rootfs(
    database: Database,
    paths: Paths,
    source: tar.Readable | str,
    reference: str = "",
    *,
    changes: Sequence[str] = (),
    message: str = "",
) -> str:
    """Make an image of the tar archive `source`, a path or an open stream, compressed or not; returns its ID.

    `changes` are Dockerfile instructions, `message` stands in the history. Raises InvalidArgument for a malformed
    reference or change, Corrupt for a damaged archive, Unavailable when the disk is full; the store is then as before.
    """
    if reference:
        references.parse(reference)
    config = change_list.apply(ContainerConfig(), changes)
    with _opened(source) as stream, building(database, paths) as snapshot_id:
        unpacking.unpack(compression.open_decompressed(stream), paths.layer(snapshot_id))
        fault.point("import.unpacked")
        comment = message or "Imported from -"
        return finish(
            database, paths, snapshot_id, config=config, comment=comment, created=clock.current(), tag=reference
        )


@contextmanager
def _opened(source: tar.Readable | str) -> Iterator[tar.Readable]:
    if not isinstance(source, str):
        yield source
        return
    try:
        file = open(source, "rb")  # noqa: SIM115
    except FileNotFoundError as error:
        raise NotFound(f"open {source}: no such file or directory") from error
    with file:
        yield file


@contextmanager
def building(database: Database, paths: Paths) -> Iterator[str]:
    """A snapshot for the time in which it is filled; unless the body ends well, nothing of it stays."""
    snapshot_id = snapshots.new(database, paths)
    try:
        yield snapshot_id
    except BaseException as error:
        if snapshots.find(database, snapshot_id) is None:
            snapshots.discard(database, paths, snapshot_id)
        else:
            snapshots.release(database, snapshot_id)  # interrupted right after the commit: the image is whole
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(
                f"write {paths.layers}: no space left on device",
                hint=f"free some space (sampan system df, sampan image prune), or use another --root than {paths.root}",
            ) from error
        raise


def finish(
    database: Database,
    paths: Paths,
    snapshot_id: str,
    *,
    config: ContainerConfig,
    comment: str,
    created: str,
    tag: str,
    created_by: str = "",
) -> str:
    """Make an image of one filled snapshot, and return its ID.

    The diff ID is that of the layer's own deterministic tar, whatever the archive looked like that it came from.
    """
    packed = layers.measure(paths.layer(snapshot_id))
    host = platform.host_platform(os.uname().machine)
    image = ImageConfig(
        architecture=host.architecture,
        os=host.os,
        variant=host.variant,
        config=config,
        diff_ids=(packed.diff_id,),
        history=(History(created=created, created_by=created_by, comment=comment),),
        created=created,
    )
    snapshots.sync(paths)
    with database.transaction():
        same = snapshots.find_by_diff_id(database, packed.diff_id)
        if same is None:
            snapshots.record(database, snapshot_id, diff_id=packed.diff_id, size=packed.size)
        image_id = store.add(database, image, (same.id if same else snapshot_id,), tags=(tag,) if tag else ())
        happenings.record(database, image_id, "import")
    fault.point("import.committed")
    if same is None:
        snapshots.release(database, snapshot_id)
    else:
        snapshots.discard(database, paths, snapshot_id)
    return image_id
