"""`docker load`: the images of an archive come into the store, each whole or not at all."""

import errno
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sampan.errors import Corrupt, Unavailable, Unsupported
from sampan.images import attached, happenings, store, tag_documents
from sampan.images.archive import contents, legacy, statements
from sampan.images.archive.contents import Found, LayerPlace
from sampan.images.archive.members import ChooseIds, Members, Progress, Received
from sampan.images.archive.statements import Said
from sampan.linux import fault
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.storage import compression, foreign, gc, snapshots, tar
from sampan.storage.database import Database
from sampan.storage.paths import Paths


class Loaded(NamedTuple):
    """An image that was loaded, with its tags as people write them; `displaced` are (tag, ID of the image that had it
    before)."""

    image_id: str
    tags: tuple[str, ...]
    displaced: tuple[tuple[str, str], ...] = ()


def load(
    database: Database,
    paths: Paths,
    stream: tar.Readable,
    *,
    platform: str = "",
    on_progress: Progress = lambda path, count, size: None,
    choose_ids: ChooseIds = lambda documents: {},
    complete: Callable[[], object] = lambda: None,
    afterwards: Callable[[Members, Sequence[Loaded]], object] = lambda members, loaded: None,
    is_tagged: bool = True,
) -> list[Loaded]:
    """Load a docker-archive or OCI layout, compressed or not, from a stream that is read once.

    `on_progress` gets the path of the layer that is read, the bytes read of it, and its size; for `choose_ids` see
    Members; `complete` is called when all is read and no image is made yet, `afterwards` while what was read is still
    held. Without `is_tagged` no tag is set. Every digest is checked.
    Raises Corrupt for a damaged or hostile archive, NotFound where it has nothing for the platform, Unavailable when
    the disk is full: images that were whole by then stay, nothing else does.
    """
    host = platforms.host_platform(os.uname().machine)
    wanted = platforms.parse(platform, host) if platform else host
    members = Members(database, paths, on_progress, choose_ids)
    try:
        members.read(compression.open_decompressed(stream))
        complete()
        documents = contents.Documents(members.documents, members.links)
        found = contents.read(documents, wanted, is_asked=bool(platform))
        fault.point("load.read")
        if members.layers:
            snapshots.sync(paths)
        said = statements.by_image(documents)
        loaded = [_add(database, image if is_tagged else image._replace(tags=()), members, said) for image in found]
        afterwards(members, loaded)
        return loaded
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unavailable(
            f"write {paths.layers}: no space left on device",
            hint="free some space (sampan system df, sampan image prune), or use another --root",
        ) from error
    finally:
        members.release()
        _drop_unused(database, paths, members)


def _drop_unused(database: Database, paths: Paths, members: Members) -> None:
    """Layers that no image has after all go at once."""
    for layer in members.layers.values():
        unused = layer.snapshot_id and database.row(
            "SELECT 1 FROM snapshot WHERE id = ? AND id NOT IN (SELECT snapshot_id FROM image_layer)",
            (layer.snapshot_id,),
        )
        if unused:
            gc.collect(database, paths)
            return


def _add(database: Database, image: Found, members: Members, attested: Mapping[str, Said]) -> Loaded:
    said = () if image.legacy else store.read_document(image.config).diff_ids
    layers = [
        _layer(database, place, members, said[position] if position < len(said) else "")
        for position, place in enumerate(image.layers)
    ]
    diff_ids = [layer.diff_id for layer in layers]
    document = legacy.compose(image.legacy, diff_ids) if image.legacy else image.config
    config = store.read_document(document)
    if config.os and config.os != "linux":
        raise Unsupported(f"cannot load {config.os} image on linux")
    _compare(diff_ids, config.diff_ids)
    with database.transaction():
        is_new = database.row("SELECT 1 FROM image WHERE id = ?", (_digest(document),)) is None
        image_id = store.add_document(database, document, [layer.snapshot_id for layer in layers])
        if is_new:
            happenings.record(database, image_id, "create")
        displaced = [(tag, owner) for tag in image.tags if (owner := _owner(database, tag)) not in ("", image_id)]
        for tag in image.tags:
            store.set_tag(database, image_id, tag, is_told=False)
            if image_id in attested:
                attached.keep(database, tag, image_id, *attested[image_id])
            else:
                tag_documents.forget(database, tag)
        happenings.record(database, image_id, "load")
    fault.point("load.committed")
    shown = tuple(reference.parse(tag).familiar() for tag in image.tags)
    return Loaded(image_id, shown, tuple((reference.parse(tag).familiar(), owner) for tag, owner in displaced))


def _layer(database: Database, place: LayerPlace, members: Members, diff_id: str) -> Received:
    """What was read of a layer; an archive may also leave out what the store has, with the `diff_id` that is wanted."""
    layer = members.layers.get(place.path)
    if layer is None:
        known = foreign.find(database, diff_id) if diff_id else None
        if known is None:
            raise Corrupt(f"open {place.path[:200]}: no such file or directory", hint="the archive lacks a layer")
        members.held.append(known)
        return Received(known, diff_id)
    if layer.problem is not None:
        raise layer.problem
    if place.digest and layer.digest != place.digest:
        raise Corrupt(f"layer {place.digest} of the archive has the digest {layer.digest}")
    return layer


def _compare(found: Sequence[str], wanted: Sequence[str]) -> None:
    """In Docker's words."""
    if len(found) != len(wanted):
        raise Corrupt(f"invalid manifest, layers length mismatch: expected {len(wanted)}, got {len(found)}")
    for position, (have, expected) in enumerate(zip(found, wanted, strict=True)):
        if have != expected:
            raise Corrupt(f'invalid diffID for layer {position}: expected "{expected}", got "{have}"')


def _digest(document: bytes) -> str:
    return "sha256:" + hashlib.sha256(document).hexdigest()


def _owner(database: Database, tag: str) -> str:
    row = database.row("SELECT image_id FROM tag WHERE reference = ?", (tag,))
    return "" if row is None else str(row[0])
