"""The document of a cache: which steps had which results, read from whoever wrote it, checked and typed.

It is the configuration of an OCI artifact whose layers are those of the results; inside of an image it is an annotation
of its manifest. A step's key names the snapshot that it stands on by its id, so ids travel. Pure.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.errors import Corrupt

MEDIA_TYPE = "application/vnd.sampan.buildcache.v1+json"
ANNOTATION = "sampan.build-cache.v1"
MOST_BYTES = 32 << 20
_MOST_STEPS = 100_000
_DEEPEST = 16
_LATEST = 1 << 62  # ns since the epoch
_SNAPSHOT, _KEY = re.compile(r"[0-9a-f]{16}"), re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TEXTS = ("words", "action", "parent", "origin")


class CachedStep(NamedTuple):
    """A step. `inputs` is a line of JSON without the files, which only explanations name; `created` in ns."""

    key: str
    inputs: str
    snapshot: str
    created: int


class Cache(NamedTuple):
    """`snapshots` are ids to diff IDs, `blobs` diff IDs to the digests of compressed layers."""

    snapshots: Mapping[str, str]
    steps: Sequence[CachedStep]
    blobs: Mapping[str, str]


def encode(cache: Cache) -> bytes:
    """The same cache gives the same bytes."""
    fields = {
        "version": 1,
        "snapshots": dict(sorted(cache.snapshots.items())),
        "blobs": dict(sorted(cache.blobs.items())),
        "steps": [step._asdict() for step in cache.steps],
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def decode(content: bytes) -> Cache:
    """Raises Corrupt for what encode() does not write."""
    if len(content) > MOST_BYTES or _depth(content) > _DEEPEST:
        raise _unreadable("it is too large")
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _unreadable("it is no JSON") from error
    if not isinstance(fields, dict) or fields.get("version") != 1:
        raise _unreadable("it was written by another version of sampan")
    snapshots, blobs, steps = fields.get("snapshots"), fields.get("blobs"), fields.get("steps")
    if not isinstance(snapshots, dict) or not isinstance(blobs, dict) or not isinstance(steps, list):
        raise _unreadable("fields are missing")
    if not all(_SNAPSHOT.fullmatch(name) and _is_digest(diff_id) for name, diff_id in snapshots.items()):
        raise _unreadable("it names a snapshot in another form")
    if not all(_is_digest(diff_id) and _is_digest(digest) for diff_id, digest in blobs.items()):
        raise _unreadable("it names a layer in another form")
    if len(steps) > _MOST_STEPS:
        raise _unreadable(f"it has more than {_MOST_STEPS} steps")
    return Cache(snapshots, [_step(step, snapshots, blobs) for step in steps], blobs)


def _step(fields: Any, snapshots: Mapping[str, str], blobs: Mapping[str, str]) -> CachedStep:
    if not isinstance(fields, dict) or fields.keys() != set(CachedStep._fields):
        raise _unreadable("a step has other fields")
    step = CachedStep(**fields)
    texts = (step.key, step.inputs, step.snapshot)
    if not all(isinstance(text, str) for text in texts) or type(step.created) is not int:
        raise _unreadable("a step has fields of other types")
    if not 0 <= step.created < _LATEST:
        raise _unreadable("a step was done at no time")
    if not _KEY.fullmatch(step.key) or snapshots.get(step.snapshot) not in blobs:
        raise _unreadable("a step names what is not in it")
    try:
        inputs = json.loads(step.inputs)
    except (ValueError, RecursionError) as error:
        raise _unreadable("a step is told in another form") from error
    facts = inputs.get("facts") if isinstance(inputs, dict) else None
    pairs = isinstance(facts, list) and all(
        isinstance(fact, list) and len(fact) == 2 and all(isinstance(text, str) for text in fact) for fact in facts
    )
    if not pairs or "\n" in step.inputs or not all(isinstance(inputs.get(name), str) for name in _TEXTS):
        raise _unreadable("a step is told in another form")
    if not isinstance(inputs.get("digest"), str | None) or not isinstance(inputs.get("base", ""), str):
        raise _unreadable("a step is told in another form")
    return step


def _is_digest(text: object) -> bool:
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def _depth(content: bytes) -> int:
    """How deep brackets nest outside of strings, so that no decoder recurses on it."""
    depth = deepest = 0
    for match in re.finditer(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', content, re.DOTALL):
        if match[0] in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif match[0] in (b"]", b"}"):
            depth -= 1
    return deepest


def _unreadable(why: str) -> Corrupt:
    return Corrupt(f"the build cache cannot be read: {why}")
