"""`docker save`: images as one tar, in one pass and without a temporary file."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from sampan.errors import Corrupt, InvalidArgument, NotFound
from sampan.images import attached, happenings, store
from sampan.images.archive import documents
from sampan.images.model import Image
from sampan.linux import fault, mount
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.storage import foreign, layers, tar
from sampan.storage.database import Database
from sampan.storage.paths import Paths

Write = Callable[[bytes], object]


def save(
    database: Database, paths: Paths, names: Sequence[str], write: Write, *, platform: str = "", squash: bool = False
) -> None:
    """Give an archive of the images that `names` mean to `write`, in pieces.

    With `squash` each is written as an image of one layer, which has no file that a later layer removed. A name without
    a tag means all tags of its repository. The same images give the same bytes. Raises NotFound, before anything is
    written, for an image that is not here or is for another platform; Corrupt for a damaged layer.
    """
    with store.holding(database, lambda: select(database, names, platform)) as chosen:
        fault.point("save.held")
        (_write_squashed if squash else _write)(database, paths, chosen, write)
    with database.transaction(durable=False):
        for image in chosen:
            happenings.record(database, image.id, "save")


def select(database: Database, names: Sequence[str], platform: str = "") -> list[Image]:
    """The images that `names` mean, each once, with the tags under which they were named. Raises NotFound."""
    found: dict[str, list[str]] = {}
    for name in names:
        for image_id, tag in _meant(database, name):
            tags = found.setdefault(image_id, [])
            if tag and tag not in tags:
                tags.append(tag)
            if platform:
                _check_platform(document(database, image_id).decode(), platform)
    return [store.get(database, image_id)._replace(tags=tuple(tags)) for image_id, tags in found.items()]


def _check_platform(config: str, wanted: str) -> None:
    asked = platforms.parse(wanted, platforms.host_platform(os.uname().machine))
    mine = store.platform_of(config)
    if not platforms.satisfies(mine, asked):
        raise NotFound(f"no suitable export target found for platform {asked}", hint=f"the image is for {mine}")


def _meant(database: Database, name: str) -> list[tuple[str, str]]:
    """(image ID, tag or "") of a name."""
    try:
        wanted = reference.parse(name)
    except InvalidArgument:
        return [(store.resolve(database, name), "")]
    row = database.row("SELECT image_id FROM tag WHERE reference = ?", (wanted.normalised(),))
    if not wanted.digest and ":" not in name.rpartition("/")[2]:
        rows = database.rows(
            "SELECT image_id, reference FROM tag WHERE substr(reference, 1, ?) = ? ORDER BY tagged_at, reference",
            (len(wanted.name) + 1, wanted.name + ":"),
        )
        if rows:
            return [(str(image_id), str(tag)) for image_id, tag in rows]
    elif row is not None:
        return [(str(row[0]), wanted.normalised())]
    try:
        return [(store.resolve(database, name), "")]
    except NotFound as error:
        raise NotFound(f"No such image: {name}", hint=error.hint) from error


def document(database: Database, image_id: str) -> bytes:
    """An image's configuration, byte for byte. Raises NotFound."""
    row = database.row("SELECT config FROM image WHERE id = ?", (image_id,))
    if row is None:
        raise NotFound(f"No such image: {image_id}")
    return str(row[0]).encode()


def write_images(
    database: Database,
    paths: Paths,
    chosen: Sequence[Image],
    write: Write,
    *,
    is_one: bool = False,
    beside: documents.Beside | None = None,
) -> None:
    """An archive of images that the caller holds, under the tags that they have in `chosen`; with `is_one` they are
    those of one index, which has the tags of the first, and what `beside` gives. Raises Corrupt."""
    places = Places(paths)
    saved = [saved_image(database, image, places) for image in chosen]
    write_documents(documents.compose_one(saved, beside) if is_one else documents.compose(saved), write)
    write_layers(database, paths, places, write)
    write(tar.END)


def _write(database: Database, paths: Paths, chosen: Sequence[Image], write: Write) -> None:
    places = Places(paths)
    saved = [saved_image(database, image, places) for image in chosen]
    write_documents(documents.compose(saved), write)
    write_layers(database, paths, places, write)
    write(tar.END)


class Places:
    """The layers that go into an archive, each once: diff ID to (snapshot id, bytes of its tar)."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self.by_diff_id: dict[str, tuple[str, int]] = {}

    def add(self, diff_id: str, snapshot_id: str) -> documents.Layer:
        if diff_id not in self.by_diff_id:
            self.by_diff_id[diff_id] = snapshot_id, foreign.tar_size(self._paths, snapshot_id)
        return documents.Layer(diff_id, self.by_diff_id[diff_id][1])


def saved_image(database: Database, image: Image, places: Places) -> documents.Saved:
    """An image as it stands in an archive; its layers are added to `places`."""
    pairs = zip(image.config.diff_ids, image.layers, strict=True)
    layers = tuple(places.add(diff_id, snapshot_id) for diff_id, snapshot_id in pairs)
    said = next((found for tag in image.tags if (found := attached.statements(database, tag, image.id))), ())
    return documents.Saved(document(database, image.id), layers, image.tags, said)


def write_layers(database: Database, paths: Paths, places: Places, write: Write) -> None:
    """The layers as blobs, in the order in which they were added."""
    for diff_id, (snapshot_id, size) in places.by_diff_id.items():
        write_header(documents.blob_path(diff_id), size, write)
        counted = _Counted(write)
        foreign.write_tar(database, paths, snapshot_id, counted)
        if counted.size != size:
            raise Corrupt(f"layer {diff_id} changed while it was written")
        write(bytes(-size % tar.BLOCK))
        fault.point("save.written")


def _write_squashed(database: Database, paths: Paths, chosen: Sequence[Image], write: Write) -> None:
    with ExitStack() as opened:
        views: dict[str, tuple[int, int]] = {}
        saved = []
        for image in chosen:
            view = mount.lower_root(paths.layers, image.layers)
            opened.callback(os.close, view)
            counted = _Counted(lambda piece: None)
            packed = layers.pack_folder(view, counted)
            views[packed.diff_id] = view, counted.size
            config = squashed(document(database, image.id), packed.diff_id)
            saved.append(documents.Saved(config, (documents.Layer(packed.diff_id, counted.size),), image.tags))
        write_documents(documents.compose(saved), write)
        for diff_id, (view, size) in views.items():
            write_header(documents.blob_path(diff_id), size, write)
            if layers.pack_folder(view, write).diff_id != diff_id:
                raise Corrupt(f"layer {diff_id} changed while it was written")
            write(bytes(-size % tar.BLOCK))
            fault.point("save.written")
    write(tar.END)


def squashed(config: bytes, diff_id: str) -> bytes:
    """The configuration of an image whose layers became one: as it is, but for `rootfs` and `history`. Pure."""
    fields = json.loads(config)
    created = {"created": fields["created"]} if fields.get("created") else {}
    fields["rootfs"] = {"type": "layers", "diff_ids": [diff_id]}
    fields["history"] = [{**created, "comment": f"squashed from {len(fields.get('history') or ())} steps"}]
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


class _Counted:
    def __init__(self, write: Write) -> None:
        self._write = write
        self.size = 0

    def __call__(self, piece: bytes) -> None:
        self.size += len(piece)
        self._write(piece)


def write_documents(contents: dict[str, bytes], write: Write) -> None:
    """The folders of a layout, and small files."""
    for folder in ("blobs/", documents.BLOBS):
        write(tar.header(folder.encode(), tar.DIRECTORY, mode=0o755))
    for path, content in contents.items():
        write_header(path, len(content), write)
        write(tar.padded(content))


def write_header(path: str, size: int, write: Write) -> None:
    write(tar.header(path.encode(), tar.REGULAR, mode=0o644, size=size))
