"""The document that makes an archive a bundle: read from what somebody else wrote, checked, and typed from there on."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.errors import Corrupt
from sampan.images import origins
from sampan.images.archive import contents
from sampan.oci import manifest as manifests
from sampan.oci.digest import digest_of

MEDIA_TYPE = "application/vnd.sampan.bundle.v1+json"
_SNAPSHOT_ID, _KEY = re.compile(r"[0-9a-f]{16}"), re.compile(r"[0-9a-f]{64}")
_MOST_STEPS = 100_000


class Step(NamedTuple):
    """A row of build_step. `inputs` are without the list of files, which only explanations name."""

    key: str
    parent: str
    position: str
    inputs: str
    snapshot: str
    created: int


class Carried(NamedTuple):
    """A bundle's own document: snapshot ids to diff IDs, steps, image IDs to their name@digest forms and manifests."""

    snapshots: Mapping[str, str]
    steps: Sequence[Step]
    digests: Mapping[str, Sequence[str]]
    manifests: Mapping[str, Sequence[origins.Stored]]


def read(found: Mapping[str, bytes]) -> Carried | None:
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


def _checked(fields: dict[str, Any]) -> Carried:
    """Only the forms that create() writes go on from here."""
    ids, steps, digests = fields.get("snapshots"), fields.get("steps"), fields.get("digests")
    if not (fields.get("version") == 1 and isinstance(ids, dict) and isinstance(steps, list)):
        raise unreadable("it was written by another version of sampan")
    if not isinstance(digests, dict) or not all(isinstance(names, list) for names in digests.values()):
        raise unreadable("the names of its images have another form")
    if not all(_SNAPSHOT_ID.fullmatch(name) and isinstance(diff_id, str) for name, diff_id in ids.items()):
        raise unreadable("it names a snapshot in another form")
    if len(steps) > _MOST_STEPS:
        raise unreadable(f"it has more than {_MOST_STEPS} steps")
    return Carried(ids, [_checked_step(step, ids) for step in steps], digests, _manifests(fields.get("manifests")))


def _manifests(value: object) -> dict[str, list[origins.Stored]]:
    """Image IDs to manifests whose configuration they are. Raises Corrupt."""
    fields = {} if value is None else value
    if not isinstance(fields, dict) or not all(isinstance(entries, list) for entries in fields.values()):
        raise unreadable("the manifests of its images have another form")
    return {image_id: [_manifest(image_id, entry) for entry in entries] for image_id, entries in fields.items()}


def _manifest(image_id: str, entry: object) -> origins.Stored:
    if not isinstance(entry, list) or len(entry) != 2 or not all(isinstance(text, str) for text in entry):
        raise unreadable("a manifest has another form")
    try:
        content = base64.b64decode(entry[1], validate=True)
    except ValueError as error:
        raise unreadable("a manifest is no base64") from error
    document = manifests.parse(content, entry[0])
    if not isinstance(document, manifests.Manifest) or document.config.digest != image_id:
        raise unreadable(f"a manifest is not of the image {image_id[:100]}")
    return origins.Stored(digest_of(content), document.media_type, content)


def _checked_step(fields: Any, ids: Mapping[str, str]) -> Step:
    kinds = {"key": str, "parent": str, "position": str, "inputs": str, "snapshot": str, "created": int}
    if not isinstance(fields, dict) or fields.keys() != kinds.keys():
        raise unreadable("a step has other fields")
    if not all(isinstance(fields[name], kind) for name, kind in kinds.items()):
        raise unreadable("a step has fields of other types")
    step = Step(**fields)
    if not _KEY.fullmatch(step.key) or step.snapshot not in ids:
        raise unreadable("a step names what is not in it")
    head, _, listed = step.inputs.partition("\n")
    inputs = contents.parsed(head.encode(), dict, "a step of the bundle")
    texts = all(isinstance(inputs.get(name), str) for name in ("words", "action", "parent", "origin"))
    facts = inputs.get("facts")
    pairs = isinstance(facts, list) and all(isinstance(fact, list) and len(fact) == 2 for fact in facts)
    if not texts or not pairs or not isinstance(inputs.get("digest"), str | None) or listed != "[]":
        raise unreadable("a step is told in another form")
    return step


def unreadable(why: str) -> Corrupt:
    return Corrupt(f"the bundle cannot be read: {why}")
