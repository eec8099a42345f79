"""Layers that came from elsewhere: from a registry or an archive. Their tar is in no form of ours, and yet it must come
back byte for byte, because its digest, the diff ID, stands in the configurations of images.

receive() lays a tar out and keeps a recipe beside the folder (storage/recipes.py); write_tar() writes the tar of any
layer again, by its recipe, or in the one deterministic way (storage/layers.py) when it was made here.
"""

import os
from collections.abc import Callable

from sampan.errors import Corrupt
from sampan.linux import fault
from sampan.storage import hashing, layers, leases, recipes, snapshots, tar, unpacking
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_BUNDLE = 1 << 20


def find(database: Database, diff_id: str) -> str | None:
    """The id of a snapshot that is here with that diff ID, leased; None when there is none.

    snapshots.release() it once a committed row names it.
    """
    with database.transaction(durable=False):
        found = snapshots.find_by_diff_id(database, diff_id)
        if found is None:
            return None
        leases.take(database, snapshots.lease_of(found.id))
        return found.id


def receive(
    database: Database,
    paths: Paths,
    stream: tar.Readable,
    *,
    diff_id: str,
    snapshot_id: str = "",
    is_shared: bool = True,
    limits: tar.Limits = tar.DEFAULT_LIMITS,
) -> str:
    """Unpack a layer's plain tar, which is read to its end, and return the id of its recorded snapshot, leased.

    `diff_id` ("sha256:...") is what the tar must hash to; "" where that is not known. When the same layer came in by
    another way meanwhile, that snapshot is the result, unless a second one is wanted (`is_shared`); `snapshot_id` is a
    wish (snapshots.new). snapshots.sync() before a commit names it, and snapshots.release() it afterwards; without
    one a later collection takes it. Any thread may call this. Raises Corrupt for a damaged or hostile archive or
    another diff ID, OSError (ENOSPC ...); nothing stays then.
    """
    snapshot_id = snapshots.new(database, paths, snapshot_id=snapshot_id)
    try:
        unpacked, recipe_size = _lay_out(database, paths, snapshot_id, stream, limits)
        if diff_id and unpacked.diff_id != diff_id:
            raise Corrupt(
                f"layer verification failed: its diff ID is {unpacked.diff_id}, the image says {diff_id}",
                hint="what was sent is not what the image was made of: do not trust it, or fetch it again",
            )
        fault.point("layer.unpacked")
        # Of no use before the caller's commit, which is synced: one sync serves all layers of an image.
        with database.transaction(durable=False):
            same = snapshots.find_by_diff_id(database, unpacked.diff_id) if is_shared else None
            if same is None:
                snapshots.record(
                    database, snapshot_id, diff_id=unpacked.diff_id, size=unpacked.size, recipe_size=recipe_size
                )
            else:
                leases.take(database, snapshots.lease_of(same.id))
        fault.point("layer.recorded")
    except BaseException:
        snapshots.discard(database, paths, snapshot_id)
        raise
    if same is None:
        return snapshot_id
    snapshots.discard(database, paths, snapshot_id)
    return same.id


def _lay_out(
    database: Database, paths: Paths, snapshot_id: str, stream: tar.Readable, limits: tar.Limits
) -> tuple[unpacking.Unpacked, int]:
    aside = "replaced-" + snapshot_id
    leases.take(database, "tmp:" + aside)
    try:
        recorder = recipes.Recorder(paths.recipe(snapshot_id), f"{paths.tmp}/{aside}")
        layer = os.open(paths.layer(snapshot_id), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            unpacked = unpacking.extract(stream, layer, whiteouts=True, recorder=recorder, limits=limits)
            return unpacked, recorder.finish(layer)
        finally:
            os.close(layer)
            recorder.close()
    finally:
        leases.release(database, "tmp:" + aside)


def write_tar(database: Database, paths: Paths, snapshot_id: str, write: Callable[[bytes], object]) -> layers.Packed:
    """Give the exact tar of a recorded layer to `write`, in pieces of about 1 MB; its diff ID and size.

    The caller holds the snapshot. Raises OSError; Corrupt, at the end, when it is not the tar of the recorded diff ID.
    """
    row = database.row("SELECT diff_id FROM snapshot WHERE id = ?", (snapshot_id,))
    wanted = str(row[0] or "") if row else ""
    packed = pack(paths, snapshot_id, write)
    if wanted and packed.diff_id != wanted:
        raise Corrupt(
            f"snapshot {snapshot_id}: its files were changed: {packed.diff_id} instead of {wanted}",
            hint="sampan system check --deep lists what is damaged; remove the image and get it again",
        )
    return packed


def pack(paths: Paths, snapshot_id: str, write: Callable[[bytes], object]) -> layers.Packed:
    """write_tar() without the comparison with the recorded diff ID."""
    try:
        recipe = recipes.Recipe(paths.recipe(snapshot_id))
    except FileNotFoundError:
        return layers.pack(paths.layer(snapshot_id), write)
    bundle = _Bundle(write)
    try:
        size = recipes.replay(recipe, paths.layer(snapshot_id), bundle.add)
    finally:
        recipe.close()
    bundle.flush()
    return layers.Packed("sha256:" + bundle.digest.hexdigest(), size)


def measure(paths: Paths, snapshot_id: str) -> layers.Packed:
    """Diff ID and size of a layer as it is on disk; nothing is written."""
    return pack(paths, snapshot_id, lambda piece: None)


def tar_size(paths: Paths, snapshot_id: str) -> int:
    """How many bytes write_tar() gives; no file is read. Raises OSError, Corrupt."""
    try:
        recipe = recipes.Recipe(paths.recipe(snapshot_id))
    except FileNotFoundError:
        return layers.tar_size(paths.layer(snapshot_id))
    recipe.close()
    return recipe.tar_size


class _Bundle:
    """Joins small pieces and hashes them."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._pieces: list[bytes] = []
        self._pending = 0
        self.digest = hashing.BackgroundSha256()

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._pending += len(piece)
        if self._pending >= _BUNDLE:
            self.flush()

    def flush(self) -> None:
        joined = b"".join(self._pieces)
        self._pieces, self._pending = [], 0
        self.digest.update(joined)
        self._write(joined)
