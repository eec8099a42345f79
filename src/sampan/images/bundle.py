"""`bundle create` and `bundle load`: images together with the build cache, for a place without a network.

A bundle is an archive as `save` writes it, with one document more, which others do not see: the cached steps, the ids
of their snapshots, and the digests by which registries know the images. A step's key names the snapshot that it stands
on by its id, so snapshots keep their ids on the way.
"""

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.errors import Corrupt
from sampan.images import origins, store
from sampan.images.archive import contents, documents, loading, saving
from sampan.images.archive.loading import Loaded
from sampan.images.archive.members import Members, Progress
from sampan.images.model import Image
from sampan.linux import fault
from sampan.oci import manifest as manifests
from sampan.oci import reference
from sampan.storage import foreign, snapshots, tar
from sampan.storage.database import Database
from sampan.storage.paths import Paths

MEDIA_TYPE = "application/vnd.sampan.bundle.v1+json"
_SNAPSHOT_ID, _KEY = re.compile(r"[0-9a-f]{16}"), re.compile(r"[0-9a-f]{64}")
_MOST_STEPS = 100_000


class Contents(NamedTuple):
    """What was carried: images, and cached steps that are of use here."""

    images: Sequence[Loaded]
    steps: int


class _Step(NamedTuple):
    """A row of build_step. `inputs` are without the list of files, which only explanations name."""

    key: str
    parent: str
    position: str
    inputs: str
    snapshot: str
    created: int


class _Carried(NamedTuple):
    """A bundle's own document: snapshot ids to diff IDs, steps, image IDs to their name@digest forms."""

    snapshots: Mapping[str, str]
    steps: Sequence[_Step]
    digests: Mapping[str, Sequence[str]]


def create(
    database: Database, paths: Paths, names: Sequence[str], write: saving.Write, *, with_cache: bool = True
) -> tuple[int, int]:
    """Give a bundle of the images that `names` mean, all that have a name when there are none, to `write`.

    Returns how many images and how many cached steps are in it. The arguments of cached builds go along. Raises as
    saving.save().
    """
    chosen: list[Image] = []
    steps: list[_Step] = []
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
        content = _document(chosen, steps, diff_ids)
        artifact = documents.Artifact(MEDIA_TYPE, content, tuple(dict.fromkeys(layers)))
        saving.write_documents(documents.compose(saved, artifact), write)
        saving.write_layers(database, paths, places, write)
        write(tar.END)
    return len(chosen), len(steps)


def _all_named(database: Database) -> list[Image]:
    return [image for image in store.all_images(database) if image.tags or image.digests]


def _steps(database: Database, diff_ids: dict[str, str]) -> list[_Step]:
    """Every cached step whose layer is known, the oldest first; `diff_ids` gets that of each snapshot."""
    rows = database.rows(
        "SELECT key, parent_key, position, inputs, snapshot_id, build_step.created_at, diff_id FROM build_step"
        " JOIN snapshot ON snapshot.id = snapshot_id WHERE diff_id IS NOT NULL ORDER BY build_step.created_at, key"
    )
    steps = []
    for key, parent, position, inputs, snapshot_id, created, diff_id in rows:
        head = str(inputs).partition("\n")[0]
        steps.append(_Step(str(key), str(parent), str(position), head + "\n[]", str(snapshot_id), int(created or 0)))
        diff_ids[str(snapshot_id)] = str(diff_id)
    return steps


def _document(images: Sequence[Image], steps: Sequence[_Step], diff_ids: Mapping[str, str]) -> bytes:
    fields = {
        "version": 1,
        "digests": {image.id: list(image.digests) for image in images if image.digests},
        "snapshots": dict(diff_ids),
        "steps": [step._asdict() for step in steps],
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def load(
    database: Database, paths: Paths, stream: tar.Readable, *, on_progress: Progress = lambda path, count, size: None
) -> Contents:
    """Load a bundle, or any archive that loading.load() takes. Steps that are here already stay as they are.

    A cached step is believed: load bundles only of those whose builds you would run. Raises as loading.load().
    """
    added = 0

    def afterwards(members: Members, loaded: Sequence[Loaded]) -> None:
        nonlocal added
        carried = _carried(members.documents)
        if carried is not None:
            _note_digests(database, carried, loaded)
            added = _add_steps(database, paths, carried, members)

    loaded = loading.load(
        database, paths, stream, on_progress=on_progress, choose_ids=_wanted_ids, afterwards=afterwards
    )
    return Contents(loaded, added)


def _carried(found: Mapping[str, bytes]) -> _Carried | None:
    """A bundle's own document, checked against its digest; None where there is none. Raises Corrupt."""
    held = contents.Documents(found)
    if held.find("index.json") is None:
        return None
    index = manifests.parse(held.get("index.json"), manifests.OCI_INDEX)
    for entry in index.manifests if isinstance(index, manifests.Index) else ():
        if entry.artifact_type == MEDIA_TYPE:
            manifest = manifests.parse(contents.blob(held, entry), entry.media_type)
            if isinstance(manifest, manifests.Manifest):
                return _checked(contents.parsed(contents.blob(held, manifest.config), dict, "the bundle"))
    return None


def _checked(fields: dict[str, Any]) -> _Carried:
    """Only the forms that create() writes go on from here."""
    ids, steps, digests = fields.get("snapshots"), fields.get("steps"), fields.get("digests")
    if not (fields.get("version") == 1 and isinstance(ids, dict) and isinstance(steps, list)):
        raise _unreadable("it was written by another version of sampan")
    if not isinstance(digests, dict) or not all(isinstance(names, list) for names in digests.values()):
        raise _unreadable("the names of its images have another form")
    if not all(_SNAPSHOT_ID.fullmatch(name) and isinstance(diff_id, str) for name, diff_id in ids.items()):
        raise _unreadable("it names a snapshot in another form")
    if len(steps) > _MOST_STEPS:
        raise _unreadable(f"it has more than {_MOST_STEPS} steps")
    return _Carried(ids, [_checked_step(step, ids) for step in steps], digests)


def _checked_step(fields: Any, ids: Mapping[str, str]) -> _Step:
    kinds = {"key": str, "parent": str, "position": str, "inputs": str, "snapshot": str, "created": int}
    if not isinstance(fields, dict) or fields.keys() != kinds.keys():
        raise _unreadable("a step has other fields")
    if not all(isinstance(fields[name], kind) for name, kind in kinds.items()):
        raise _unreadable("a step has fields of other types")
    step = _Step(**fields)
    if not _KEY.fullmatch(step.key) or step.snapshot not in ids:
        raise _unreadable("a step names what is not in it")
    head, _, listed = step.inputs.partition("\n")
    inputs = contents.parsed(head.encode(), dict, "a step of the bundle")
    texts = all(isinstance(inputs.get(name), str) for name in ("words", "action", "parent", "origin"))
    facts = inputs.get("facts")
    pairs = isinstance(facts, list) and all(isinstance(fact, list) and len(fact) == 2 for fact in facts)
    if not texts or not pairs or not isinstance(inputs.get("digest"), str | None) or listed != "[]":
        raise _unreadable("a step is told in another form")
    return step


def _unreadable(why: str) -> Corrupt:
    return Corrupt(f"the bundle cannot be read: {why}")


def _wanted_ids(found: Mapping[str, bytes]) -> Mapping[str, str]:
    """The ids that layers are to get, by diff ID: a bundle's documents come before its layers."""
    carried = _carried(found)
    return {} if carried is None else {diff_id: snapshot_id for snapshot_id, diff_id in carried.snapshots.items()}


def _note_digests(database: Database, carried: _Carried, loaded: Sequence[Loaded]) -> None:
    for image in loaded:
        for text in carried.digests.get(image.image_id, ()):
            name = reference.parse(str(text))
            if name.digest:
                origins.record_digest(database, name.name, name.digest, image.image_id)


def _add_steps(database: Database, paths: Paths, carried: _Carried, members: Members) -> int:
    """Enter the steps that are not here, with their snapshots under the ids that they had; how many."""
    added = 0
    present = {
        snapshot_id
        for snapshot_id, diff_id in carried.snapshots.items()
        if _ensure(database, paths, snapshot_id, diff_id, members)
    }
    now = time.time_ns()
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
