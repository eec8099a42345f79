"""Statements of in-toto about an image, and the manifest that stands beside it in an index, as in BuildKit. Pure.

https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from sampan.errors import Corrupt
from sampan.oci import manifest as manifests
from sampan.oci import reference
from sampan.oci.digest import digest_of
from sampan.oci.manifest import Descriptor, Index, Manifest, PlatformFields
from sampan.oci.platform import Platform

STATEMENT = "https://in-toto.io/Statement/v0.1"
SPDX = "https://spdx.dev/Document"
MEDIA_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "in-toto.io/predicate-type"
MOST_BYTES = 64 << 20  # of a statement: a list of 200,000 packages
_REFERENCE_TYPE, _REFERENCE_DIGEST = "vnd.docker.reference.type", "vnd.docker.reference.digest"
_MANIFEST = "attestation-manifest"


class Predicate(NamedTuple):
    """What is said, and its kind, a URL."""

    kind: str
    content: Mapping[str, Any]


class Attested(NamedTuple):
    """The entry of an index for what is said about an image, and the blobs behind it by digest: its manifest too."""

    entry: Descriptor
    blobs: Mapping[str, bytes]


def attested(predicates: Sequence[Predicate], names: Sequence[str], platform: Platform, digest: str) -> Attested:
    """Say `predicates` of the image whose manifest has this digest, known by these normalised names."""
    return beside([statement(predicate, names, platform, digest) for predicate in predicates], digest)


def beside(statements: Sequence[bytes], digest: str) -> Attested:
    """Statements about the image whose manifest has this digest, which they are made to name."""
    about = {kind_of(content): about_manifest(content, digest) for content in statements}
    layers = tuple(
        Descriptor(
            media_type=MEDIA_TYPE, digest=digest_of(content), size=len(content), annotations={PREDICATE_TYPE: kind}
        )
        for kind, content in about.items()
    )
    config = _line(
        {
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        }
    )
    manifest = Manifest(
        media_type=manifests.OCI_MANIFEST,
        config=Descriptor(media_type=manifests.OCI_CONFIG, digest=digest_of(config), size=len(config)),
        layers=layers,
    )
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    entry = Descriptor(
        media_type=manifests.OCI_MANIFEST,
        digest=digest_of(content),
        size=len(content),
        annotations={_REFERENCE_DIGEST: digest, _REFERENCE_TYPE: _MANIFEST},
        platform=PlatformFields(architecture="unknown", os="unknown"),
    )
    held = [content, config, *about.values()]
    return Attested(entry, {digest_of(blob): blob for blob in held})


def statement(predicate: Predicate, names: Sequence[str], platform: Platform, digest: str) -> bytes:
    """One subject for each name; "_" is that of an image without one."""
    algorithm, _, encoded = digest.partition(":")
    subjects = [subject_name(name, platform) for name in names] or ["_"]
    return _line(
        {
            "_type": STATEMENT,
            "predicateType": predicate.kind,
            "subject": [{"name": name, "digest": {algorithm: encoded}} for name in subjects],
            "predicate": predicate.content,
        }
    )


def kind_of(statement: bytes) -> str:
    """The predicate's type. Raises Corrupt for what is no statement."""
    return str(_fields(statement)["predicateType"])


def about_manifest(statement: bytes, digest: str) -> bytes:
    """A statement whose subjects have this digest: the same image has another manifest where its layers are compressed
    otherwise. Raises Corrupt."""
    fields = _fields(statement)
    algorithm, _, encoded = digest.partition(":")
    if all(subject.get("digest") == {algorithm: encoded} for subject in fields["subject"]):
        return statement
    subjects = [{**subject, "digest": {algorithm: encoded}} for subject in fields["subject"]]
    return _line({**fields, "subject": subjects})


def _fields(statement: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(statement)
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"an attestation cannot be read: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("predicateType"), str):
        raise Corrupt("an attestation cannot be read: it is no statement of in-toto")
    subjects = fields.get("subject")
    if not isinstance(subjects, list) or not all(isinstance(subject, dict) for subject in subjects):
        raise Corrupt("an attestation cannot be read: it has no subjects")
    return fields


def statements_about(index: Index, digest: str, find: Callable[[str], bytes | None]) -> tuple[bytes, ...]:
    """What the attestations of an index say of the image whose manifest has this digest; `find` gets documents and
    blobs by digest. What is not there, or of another kind, is
    left out. Raises Corrupt."""
    found = []
    for entry in index.manifests:
        content = find(entry.digest) if is_attestation(entry) and subject_of(entry) == digest else None
        manifest = manifests.parse(content, entry.media_type) if content is not None else None
        if isinstance(manifest, Manifest):
            for layer in manifest.layers:
                said = find(layer.digest) if layer.media_type == MEDIA_TYPE else None
                if said is not None and len(said) <= MOST_BYTES:
                    kind_of(said)
                    found.append(said)
    return tuple(found)


def subject_name(name: str, platform: Platform) -> str:
    """A reference as a package URL: pkg:docker/demo/x@1?platform=linux%2Famd64."""
    parsed = reference.parse(name)
    version = parsed.digest or parsed.tag
    return f"pkg:docker/{parsed.repository_familiar}@{version}?platform={quote(str(platform), '')}"


def is_attestation(entry: Descriptor) -> bool:
    """Whether an entry of an index is about another one, no image."""
    return entry.annotations.get(_REFERENCE_TYPE) == _MANIFEST


def subject_of(entry: Descriptor) -> str:
    """The digest of the manifest that an attestation is about."""
    return entry.annotations.get(_REFERENCE_DIGEST, "")


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogateescape")
