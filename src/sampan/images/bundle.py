"""`bundle create` and `bundle load`: images together with the build cache, for a place without a network.

A bundle is an archive as `save` writes it, with one document more, which others do not see: the cached steps, the ids
of their snapshots, and the digests and manifests by which registries know the images. A step's key names the snapshot
that it stands on by its id, so snapshots keep their ids on the way.

An image's layers, configuration and manifests are checked, each by its digest. What cannot be: that a cached step gave
its result, that the manifest for several platforms which a digest names has the image in it, and that a compressed
layer holds what the manifest's place says. `load` believes these unless it is to take images alone.
"""

import base64
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sampan.errors import Corrupt, InvalidArgument
from sampan.images import bundle_form, origins, store
from sampan.images.archive import documents, loading, saving
from sampan.images.archive.loading import Loaded
from sampan.images.archive.members import Members, Progress
from sampan.images.bundle_form import Carried, Step
from sampan.images.model import Image
from sampan.linux import fault
from sampan.oci import manifest as manifests
from sampan.oci import reference
from sampan.oci.digest import is_digest
from sampan.storage import foreign, snapshots, tar
from sampan.storage.database import Database
from sampan.storage.paths import Paths


class Contents(NamedTuple):
    """What was carried: images, and cached steps that are of use here."""

    images: Sequence[Loaded]
    steps: int


class Created(NamedTuple):
    """What a bundle has: so many images and cached steps. `digest` is of all its bytes."""

    images: int
    steps: int
    digest: str


def create(
    database: Database, paths: Paths, names: Sequence[str], write: saving.Write, *, with_cache: bool = True
) -> Created:
    """Give a bundle of the images that `names` mean, all that have a name when there are none, to `write`.

    The arguments of cached builds go along. Raises as saving.save().
    """
    whole = hashlib.sha256()

    def put(piece: bytes) -> None:
        whole.update(piece)
        write(piece)

    chosen: list[Image] = []
    steps: list[Step] = []
    diff_ids: dict[str, str] = {}

    def choose() -> list[str]:
        chosen.extend(saving.select(database, names) if names else _all_named(database))
        if with_cache:
            steps.extend(_steps(database, diff_ids))
        return [layer for image in chosen for layer in image.layers] + list(diff_ids)

    with snapshots.holding(database, choose):
        fault.point("bundle.held")
        places = saving.Places(paths)
        saved = [saving.saved_image(database, image, places) for image in chosen]
        layers = tuple(places.add(diff_id, snapshot_id) for snapshot_id, diff_id in diff_ids.items())
        content = _document(database, chosen, steps, diff_ids)
        artifact = documents.Artifact(bundle_form.MEDIA_TYPE, content, tuple(dict.fromkeys(layers)))
        saving.write_documents(documents.compose(saved, artifact), put)
        saving.write_layers(database, paths, places, put)
        put(tar.END)
    return Created(len(chosen), len(steps), "sha256:" + whole.hexdigest())


def _all_named(database: Database) -> list[Image]:
    return [image for image in store.all_images(database) if image.tags or image.digests]


def _steps(database: Database, diff_ids: dict[str, str]) -> list[Step]:
    """Every cached step whose layer is known, the oldest first; `diff_ids` gets that of each snapshot."""
    rows = database.rows(
        "SELECT key, parent_key, position, inputs, snapshot_id, build_step.created_at, diff_id FROM build_step"
        " JOIN snapshot ON snapshot.id = snapshot_id WHERE diff_id IS NOT NULL ORDER BY build_step.created_at, key"
    )
    steps = []
    for key, parent, position, inputs, snapshot_id, created, diff_id in rows:
        head = str(inputs).partition("\n")[0]
        steps.append(Step(str(key), str(parent), str(position), head + "\n[]", str(snapshot_id), int(created or 0)))
        diff_ids[str(snapshot_id)] = str(diff_id)
    return steps


def _document(database: Database, images: Sequence[Image], steps: Sequence[Step], diff_ids: Mapping[str, str]) -> bytes:
    kept = {image.id: origins.manifests_of(database, image.id) for image in images}
    fields = {
        "version": 1,
        "digests": {image.id: list(image.digests) for image in images if image.digests},
        "manifests": {
            image_id: [[stored.media_type, base64.b64encode(stored.content).decode()] for stored in found]
            for image_id, found in kept.items()
            if found
        },
        "snapshots": dict(diff_ids),
        "steps": [step._asdict() for step in steps],
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def load(
    database: Database,
    paths: Paths,
    stream: tar.Readable,
    *,
    with_cache: bool = True,
    digest: str = "",
    on_progress: Progress = lambda path, count, size: None,
) -> Contents:
    """Load a bundle, or any archive that loading.load() takes. Steps that are here already stay as they are.

    A cached step is believed: load bundles only of those whose builds you would run, or without `with_cache`, which
    takes nothing but what a digest proves. `digest` is what the whole archive, as it is read, must have. Raises as
    loading.load(); InvalidArgument for a digest in another form, Corrupt when it is another, and nothing is loaded.
    """
    if digest and not (is_digest(digest) and digest.startswith("sha256:")):
        raise InvalidArgument(f"invalid digest {digest[:100]!r}", hint="bundle create prints it: sha256:...")
    source = _Hashed(stream) if digest else None
    added = 0

    def complete() -> None:
        if source is not None and source.finish() != digest:
            raise Corrupt(
                f"the bundle has the digest {source.finish()}, not {digest}",
                hint="it is another one, or it was changed on its way: fetch it again",
            )

    def afterwards(members: Members, loaded: Sequence[Loaded]) -> None:
        nonlocal added
        carried = bundle_form.read(members.documents)
        if carried is not None:
            _note_origins(database, carried, loaded, is_trusted=with_cache)
            added = _add_steps(database, paths, carried, members) if with_cache else 0

    loaded = loading.load(
        database,
        paths,
        source or stream,
        on_progress=on_progress,
        choose_ids=_wanted_ids if with_cache else lambda documents: {},
        complete=complete,
        afterwards=afterwards,
    )
    return Contents(loaded, added)


class _Hashed:
    """A stream of which a digest is taken while it is read."""

    def __init__(self, stream: tar.Readable) -> None:
        self._stream, self._hash = stream, hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        self._hash.update(piece)
        return piece

    def finish(self) -> str:
        """The digest of everything, what stands after the archive's end included."""
        while self.read(1 << 20):
            pass
        return "sha256:" + self._hash.hexdigest()


def _wanted_ids(found: Mapping[str, bytes]) -> Mapping[str, str]:
    """The ids that layers are to get, by diff ID: a bundle's documents come before its layers."""
    carried = bundle_form.read(found)
    return {} if carried is None else {diff_id: snapshot_id for snapshot_id, diff_id in carried.snapshots.items()}


def _note_origins(database: Database, carried: Carried, loaded: Sequence[Loaded], *, is_trusted: bool) -> None:
    """Keep manifests and names by digest, so that `push` gives the digest again; unless all `is_trusted`, only the
    names that a manifest proves, and not where its layers are."""
    for image in loaded:
        kept = carried.manifests.get(image.image_id, ())
        proved = {stored.digest for stored in kept}
        repositories = set()
        for stored in kept:
            origins.record_manifest(database, image.image_id, stored)
        for text in carried.digests.get(image.image_id, ()):
            name = reference.parse(str(text))
            if name.digest and (is_trusted or name.digest in proved):
                origins.record_digest(database, name.name, name.digest, image.image_id)
                repositories.add(name.name)
        if is_trusted:
            diff_ids = store.get(database, image.image_id).config.diff_ids
            origins.record_blobs(database, [blob for stored in kept for blob in _blobs(stored, diff_ids, repositories)])
    fault.point("bundle.noted")


def _blobs(stored: origins.Stored, diff_ids: Sequence[str], repositories: set[str]) -> list[origins.Blob]:
    """Where a manifest's layers are, in the repositories that have it. Raises Corrupt when it has others."""
    document = manifests.parse(stored.content, stored.media_type)
    layers = document.layers if isinstance(document, manifests.Manifest) else ()
    if len(layers) != len(diff_ids):
        raise bundle_form.unreadable("a manifest has other layers than its image")
    return [
        origins.Blob(repository, layer.digest, diff_id, layer.size, layer.media_type)
        for repository in sorted(repositories)
        for layer, diff_id in zip(layers, diff_ids, strict=True)
    ]


def _add_steps(database: Database, paths: Paths, carried: Carried, members: Members) -> int:
    """Enter the steps that are not here, with their snapshots under the ids that they had; how many."""
    added = 0
    present = {
        snapshot_id
        for snapshot_id, diff_id in carried.snapshots.items()
        if _ensure(database, paths, snapshot_id, diff_id, members)
    }
    now = time.time_ns()
    snapshots.sync(paths)
    with database.transaction():
        for step in carried.steps:
            if step.snapshot in present:
                added += database.execute(
                    "INSERT OR IGNORE INTO build_step(key, parent_key, position, inputs, snapshot_id, created_at,"
                    " used_at) VALUES(?, ?, ?, ?, ?, ?, ?)",
                    (step.key, step.parent, step.position, step.inputs, step.snapshot, step.created, now),
                )
    fault.point("bundle.committed")
    return added


def _ensure(database: Database, paths: Paths, snapshot_id: str, diff_id: str, members: Members) -> bool:
    """Whether a snapshot of that id and content is here, or could be made from one of another id."""
    found = snapshots.find(database, snapshot_id)
    if found is not None:
        if found.diff_id == diff_id and snapshots.hold(database, snapshot_id):
            members.held.append(snapshot_id)
            return True
        return False
    other = foreign.find(database, diff_id)
    if other is None:
        return False
    members.held.append(other)
    made = _copied(database, paths, other, diff_id, snapshot_id)
    members.held.append(made)
    return made == snapshot_id


def _copied(database: Database, paths: Paths, snapshot_id: str, diff_id: str, wanted_id: str) -> str:
    """A second snapshot of the same layer."""
    import threading

    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with open(writing, "wb") as pipe:
                foreign.pack(paths, snapshot_id, pipe.write)
        except (OSError, Corrupt) as error:
            failures.append(error)

    thread = threading.Thread(target=write, name="copy")
    thread.start()
    try:
        with open(reading, "rb", buffering=0) as pipe:
            made = foreign.receive(database, paths, pipe, diff_id=diff_id, snapshot_id=wanted_id, is_shared=False)
    finally:
        thread.join()
    if failures:
        raise failures[0]
    return made
