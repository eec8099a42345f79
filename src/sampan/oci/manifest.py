"""Manifests and indexes: what a registry or a layout says that an image consists of (image-spec manifest.md,
image-index.md; Docker's image manifest version 2, schema 2).

Documents come from outside: `parse` checks size, nesting, counts, digests and sizes, and refuses one that could be read
as two things (CVE-2021-41190). Whoever stores a document keeps its bytes; a digest is always of these.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from sampan.errors import Corrupt, NotFound, Unsupported
from sampan.oci import platform as platforms
from sampan.oci.platform import Platform

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"

MANIFEST_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEX_TYPES = (OCI_INDEX, DOCKER_INDEX)
ACCEPTED = (*INDEX_TYPES, *MANIFEST_TYPES)
"""What a client asks a registry for, in the Accept header."""

CONFIG_TYPES = (OCI_CONFIG, DOCKER_CONFIG)

MOST_BYTES = 4 << 20
MOST_LAYERS = 1024
MOST_MANIFESTS = 4096
MOST_ANNOTATIONS = 4096
DEEPEST = 16
LARGEST_BLOB = 1 << 40

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_LAYER_TYPE = re.compile(
    r"application/vnd\.oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(?:gzip|zstd))?"
    r"|application/vnd\.docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.(?:gzip|zstd))?"
)
_Document = TypeVar("_Document")
_FOREIGN = re.compile(r"nondistributable|rootfs\.foreign")


class PlatformFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The `platform` object of an index's entry, as written."""

    architecture: str = ""
    os: str = ""
    os_version: str = msgspec.field(default="", name="os.version")
    os_features: tuple[str, ...] = msgspec.field(default=(), name="os.features")
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What a blob or document is: its type, digest and size in bytes (image-spec descriptor.md)."""

    media_type: str
    digest: str
    size: int
    urls: tuple[str, ...] = ()
    annotations: dict[str, str] = {}
    artifact_type: str = ""
    platform: PlatformFields | None = None

    @property
    def is_layer(self) -> bool:
        return _LAYER_TYPE.fullmatch(self.media_type) is not None

    @property
    def is_foreign(self) -> bool:
        """Whether it is a layer that registries need not have, to be fetched from `urls`."""
        return self.is_layer and _FOREIGN.search(self.media_type) is not None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One image of one platform, or an artifact; layers lowest first."""

    schema_version: int = msgspec.field(default_factory=lambda: 2)
    media_type: str = ""
    artifact_type: str = ""
    config: Descriptor
    layers: tuple[Descriptor, ...] = msgspec.field(default_factory=lambda: ())
    subject: Descriptor | None = None
    annotations: dict[str, str] = {}

    @property
    def is_image(self) -> bool:
        """Whether a container could be made from it: what helm, oras and attestations store is not."""
        return self.config.media_type in CONFIG_TYPES and all(layer.is_layer for layer in self.layers)


class Index(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Several images, mostly one for each platform, under one name."""

    schema_version: int = msgspec.field(default_factory=lambda: 2)
    media_type: str = ""
    artifact_type: str = ""
    manifests: tuple[Descriptor, ...] = msgspec.field(default_factory=lambda: ())
    subject: Descriptor | None = None
    annotations: dict[str, str] = {}


def parse(data: bytes, content_type: str = "") -> Manifest | Index:
    """The manifest or index that `data` is; `content_type` is what its carrier calls it, "" when it does not say.

    Raises Corrupt for what is malformed, too large, or two things at once; Unsupported for Docker's schema 1.
    """
    if len(data) > MOST_BYTES:
        raise Corrupt(f"the manifest is larger than {MOST_BYTES} bytes")
    _check_depth(data)
    said = content_type.partition(";")[0].strip().lower()
    fields = _decode(data)
    kind = _kind(fields, said if said in ACCEPTED or said.startswith(_SCHEMA_1) else "")
    if kind in INDEX_TYPES:
        index = _read(fields, Index)
        _check_index(index)
        return index if index.media_type else msgspec.structs.replace(index, media_type=kind)
    manifest = _read(fields, Manifest)
    _check_manifest(manifest)
    return manifest if manifest.media_type else msgspec.structs.replace(manifest, media_type=kind)


def encode(document: Manifest | Index) -> bytes:
    """The bytes of a document that is made here, laid out as Docker's are. The same values give the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=3)


def platform_of(descriptor: Descriptor) -> Platform | None:
    """The platform of an index's entry, None where it says none (or "unknown", as attestations do)."""
    fields = descriptor.platform
    if fields is None or not fields.os or not fields.architecture or "unknown" in (fields.os, fields.architecture):
        return None
    return platforms.normalise(fields.os, fields.architecture, fields.variant)


def fields_of(platform: Platform) -> PlatformFields:
    """The platform as an index writes it."""
    return PlatformFields(architecture=platform.architecture, os=platform.os, variant=platform.variant)


def choose(index: Index, wanted: Platform, name: str = "") -> Descriptor:
    """The entry for a platform as Docker chooses: of those that can run there the nearest, of equals the first.

    An entry without a platform is taken when no other says that it fits. Raises NotFound in Docker's words, with the
    platforms that there are; `name` is the reference.
    """
    fitting = [
        (platform != wanted, _variant_distance(platform, wanted), position, entry)
        for position, entry in enumerate(index.manifests)
        if (platform := platform_of(entry)) is not None and platforms.satisfies(platform, wanted)
    ]
    if fitting:
        return min(fitting, key=lambda item: item[:3])[3]
    silent = [entry for entry in index.manifests if entry.platform is None and entry.media_type in ACCEPTED]
    if silent:
        return silent[0]
    there = platforms_of(index)
    raise NotFound(
        f"no matching manifest for {_go_form(wanted)} in the manifest list entries"
        + (f": no match for platform in manifest: {name}" if name else ""),
        hint=f"it is there for {', '.join(map(str, there))}: choose one with --platform" if there else "",
    )


def platforms_of(index: Index) -> Sequence[Platform]:
    """The platforms that an index has images for, in its order."""
    found = [platform_of(entry) for entry in index.manifests]
    return list(dict.fromkeys(platform for platform in found if platform is not None))


def is_digest(text: str) -> bool:
    """Whether a text is a digest of one of the algorithms that registries use."""
    return _DIGEST.fullmatch(text) is not None


def _variant_distance(platform: Platform, wanted: Platform) -> int:
    digits = [int(re.sub(r"\D", "", variant) or 0) for variant in (wanted.variant, platform.variant)]
    return digits[0] - digits[1]


def _go_form(wanted: Platform) -> str:
    """linux/arm/v7, linux/arm64/v8: Docker writes the variant that arm64 leaves out."""
    return f"{wanted}/v8" if wanted.architecture == "arm64" and not wanted.variant else str(wanted)


def _kind(fields: Mapping[str, Any], said: str) -> str:
    """The media type that document and carrier agree on."""
    written = fields.get("mediaType", "")
    own = written.lower() if isinstance(written, str) else ""
    version = fields.get("schemaVersion")
    if version == 1 or "fsLayers" in fields or own.startswith(_SCHEMA_1):
        raise Unsupported(
            "Docker image manifest version 2, schema 1 is not supported",
            hint="the image was pushed by a Docker of before 2017: pull it there and push it anew",
        )
    if version != 2 or isinstance(version, bool):
        raise Corrupt(f"the manifest has schema version {str(version)[:20]}, not 2")
    is_index, is_manifest = "manifests" in fields, "config" in fields or "layers" in fields
    if is_index and is_manifest:
        raise Corrupt("the manifest is an index too: it could be read as either")
    if own and own not in ACCEPTED:
        raise Unsupported(f"media type {own[:100]!r} is no image manifest")
    if own and said and own != said:
        raise Corrupt(f"the manifest calls itself {own}, and was delivered as {said}")
    kind = own or said or (OCI_INDEX if is_index else OCI_MANIFEST)
    if (kind in INDEX_TYPES and is_manifest) or (kind in MANIFEST_TYPES and is_index):
        raise Corrupt(f"the manifest is delivered as {kind}, and has the fields of another kind")
    if kind in MANIFEST_TYPES and "config" not in fields:
        raise Corrupt("the manifest names no configuration")
    return kind


def _check_manifest(manifest: Manifest) -> None:
    if len(manifest.layers) > MOST_LAYERS:
        raise Corrupt(f"the manifest has {len(manifest.layers)} layers; at most {MOST_LAYERS} are taken")
    _check_annotations(manifest.annotations)
    for descriptor in (manifest.config, *manifest.layers):
        _check_descriptor(descriptor)
    if manifest.subject is not None:
        _check_descriptor(manifest.subject)


def _check_index(index: Index) -> None:
    if len(index.manifests) > MOST_MANIFESTS:
        raise Corrupt(f"the index has {len(index.manifests)} entries; at most {MOST_MANIFESTS} are taken")
    _check_annotations(index.annotations)
    for descriptor in index.manifests:
        _check_descriptor(descriptor)


def _check_descriptor(descriptor: Descriptor) -> None:
    if not is_digest(descriptor.digest):
        raise Corrupt(f"the manifest names a digest that is none: {descriptor.digest[:100]!r}")
    if not 0 <= descriptor.size <= LARGEST_BLOB:
        raise Corrupt(f"the manifest gives {descriptor.digest} a size of {descriptor.size} bytes")
    _check_annotations(descriptor.annotations)


def _check_annotations(annotations: Mapping[str, str]) -> None:
    if len(annotations) > MOST_ANNOTATIONS:
        raise Corrupt(f"the manifest has {len(annotations)} annotations; at most {MOST_ANNOTATIONS} are taken")


# A string that does not end is taken to the end of the data: looked for again from each of its quotes, it would cost
# the square of its length.
_SIGNS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


def _check_depth(data: bytes) -> None:
    """Count brackets outside of strings, so that no nesting reaches a decoder's recursion."""
    depth = 0
    for match in _SIGNS.finditer(data):
        sign = match[0][:1]
        if sign in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise Corrupt(f"the manifest is nested more than {DEEPEST} deep")
        elif sign in b"]}":
            depth -= 1


def _decode(data: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"the manifest cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise Corrupt("the manifest is no object")
    found = _without_nulls(document)
    assert isinstance(found, dict)
    return found


def _without_nulls(value: Any) -> Any:
    """Go writes null for an empty list or map."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _read(fields: Mapping[str, Any], kind: type[_Document]) -> _Document:
    try:
        return msgspec.convert(fields, type=kind)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"the manifest cannot be read: {error}") from error
