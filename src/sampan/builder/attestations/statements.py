"""Statements of in-toto about an image, and the manifest that stands beside it in an index, as in BuildKit. Pure.

https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from sampan.oci import manifest as manifests
from sampan.oci import reference
from sampan.oci.digest import digest_of
from sampan.oci.manifest import Descriptor, Manifest, PlatformFields
from sampan.oci.platform import Platform

STATEMENT = "https://in-toto.io/Statement/v0.1"
SPDX = "https://spdx.dev/Document"
MEDIA_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "in-toto.io/predicate-type"
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
    statements = {predicate.kind: statement(predicate, names, platform, digest) for predicate in predicates}
    layers = tuple(
        Descriptor(
            media_type=MEDIA_TYPE, digest=digest_of(content), size=len(content), annotations={PREDICATE_TYPE: kind}
        )
        for kind, content in statements.items()
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
    held = [content, config, *statements.values()]
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
