"""What `docker save` writes beside the layers: an OCI layout that is a docker-archive too (image-spec image-layout.md).

oci-layout  index.json         for whoever knows the layout
manifest.json  repositories    for docker and everything that reads its archives
blobs/sha256/DIGEST            configurations, manifests and layers, which are plain tars: their digest is the diff ID
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from sampan.oci import attestations, reference
from sampan.oci import manifest as manifests

BLOBS = "blobs/sha256/"
_IMAGE_NAME, _REF_NAME = "io.containerd.image.name", "org.opencontainers.image.ref.name"


class Layer(NamedTuple):
    """`size` is the bytes of the tar whose digest is `diff_id`."""

    diff_id: str
    size: int


class Saved(NamedTuple):
    """An image that is to be written: its configuration's bytes, its layers, lowest first, its normalised tags, and
    what is said of it."""

    config: bytes
    layers: tuple[Layer, ...]
    tags: tuple[str, ...] = ()
    statements: tuple[bytes, ...] = ()


class Artifact(NamedTuple):
    """A document of another kind, as the configuration of a manifest, and the layers that it speaks of."""

    media_type: str
    content: bytes
    layers: tuple[Layer, ...]


def blob_path(digest: str) -> str:
    """Where a blob is in an archive."""
    return BLOBS + digest.removeprefix("sha256:")


def compose(images: Sequence[Saved], artifact: "Artifact | None" = None) -> dict[str, bytes]:
    """The documents of an archive by their paths, in the order in which they are written. Pure.

    An `artifact` stands beside the images, unseen by whoever does not know it. Those that say what the layers are come
    first, so that a reader can unpack while it reads.
    """
    blobs: dict[str, bytes] = {}
    entries: list[manifests.Descriptor] = []
    for image in images:
        manifest = msgspec.json.encode(_manifest(image))
        for content in (manifest, image.config):
            blobs[blob_path(_digest(content))] = content
        entries += _entries(image, manifest, blobs)
    if artifact is not None:
        content = msgspec.json.encode(_artifact_manifest(artifact))
        blobs = {blob_path(_digest(artifact.content)): artifact.content, blob_path(_digest(content)): content, **blobs}
        entries.append(
            manifests.Descriptor(
                media_type=manifests.OCI_MANIFEST,
                digest=_digest(content),
                size=len(content),
                artifact_type=artifact.media_type,
            )
        )
    index = manifests.Index(media_type=manifests.OCI_INDEX, manifests=tuple(entries))
    documents = {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": msgspec.json.encode(index),
        "manifest.json": _line([_docker_entry(image) for image in images]),
    }
    repositories = _repositories(images)
    if repositories:
        documents["repositories"] = _line(repositories)
    return {**documents, **blobs}


Beside = Callable[[int, bytes], tuple[manifests.Descriptor, Mapping[str, bytes]]]
"""What stands beside an image in its index: by its position and its manifest an entry, and blobs by digest."""


def compose_one(images: Sequence[Saved], beside: Beside | None = None) -> dict[str, bytes]:
    """compose() for the images of one index, a platform each: an OCI layout alone, which has the first one's tags."""
    blobs: dict[str, bytes] = {}
    entries = []
    others = []
    for position, image in enumerate(images):
        manifest = msgspec.json.encode(_manifest(image))
        for content in (manifest, image.config):
            blobs[blob_path(_digest(content))] = content
        entries.append(
            manifests.Descriptor(
                media_type=manifests.OCI_MANIFEST,
                digest=_digest(manifest),
                size=len(manifest),
                platform=_platform(image.config),
            )
        )
        if beside is not None:
            entry, contents = beside(position, manifest)
            others.append(entry)
            blobs.update((blob_path(digest), content) for digest, content in contents.items())
    inner = msgspec.json.encode(manifests.Index(media_type=manifests.OCI_INDEX, manifests=(*entries, *others)))
    named = _named(
        manifests.Descriptor(media_type=manifests.OCI_INDEX, digest=_digest(inner), size=len(inner)), images[0].tags
    )
    outer = manifests.Index(media_type=manifests.OCI_INDEX, manifests=tuple(named))
    return {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": msgspec.json.encode(outer),
        blob_path(_digest(inner)): inner,
        **blobs,
    }


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _layer(layer: Layer) -> manifests.Descriptor:
    return manifests.Descriptor(media_type=manifests.OCI_LAYER, digest=layer.diff_id, size=layer.size)


def _manifest(image: Saved) -> manifests.Manifest:
    return manifests.Manifest(
        media_type=manifests.OCI_MANIFEST,
        config=manifests.Descriptor(
            media_type=manifests.OCI_CONFIG, digest=_digest(image.config), size=len(image.config)
        ),
        layers=tuple(_layer(layer) for layer in image.layers),
    )


def _artifact_manifest(artifact: Artifact) -> manifests.Manifest:
    return manifests.Manifest(
        media_type=manifests.OCI_MANIFEST,
        artifact_type=artifact.media_type,
        config=manifests.Descriptor(
            media_type=artifact.media_type, digest=_digest(artifact.content), size=len(artifact.content)
        ),
        layers=tuple(_layer(layer) for layer in artifact.layers),
    )


def _entries(image: Saved, manifest: bytes, blobs: dict[str, bytes]) -> list[manifests.Descriptor]:
    """The image, or an index of it and of what is said of it, which is added to `blobs`."""
    plain = manifests.Descriptor(media_type=manifests.OCI_MANIFEST, digest=_digest(manifest), size=len(manifest))
    if not image.statements:
        return _named(plain, image.tags)
    attested = attestations.beside(image.statements, plain.digest)
    entry = msgspec.structs.replace(plain, platform=_platform(image.config))
    index = msgspec.json.encode(manifests.Index(media_type=manifests.OCI_INDEX, manifests=(entry, attested.entry)))
    blobs.update((blob_path(digest), content) for digest, content in {**attested.blobs, _digest(index): index}.items())
    return _named(
        manifests.Descriptor(media_type=manifests.OCI_INDEX, digest=_digest(index), size=len(index)), image.tags
    )


def _platform(config: bytes) -> manifests.PlatformFields:
    fields = json.loads(config)
    return manifests.PlatformFields(
        architecture=fields.get("architecture") or "", os=fields.get("os") or "", variant=fields.get("variant") or ""
    )


def _named(plain: manifests.Descriptor, tags: Sequence[str]) -> list[manifests.Descriptor]:
    """One entry of index.json for each tag; one without a name where there is none."""
    named = [
        msgspec.structs.replace(plain, annotations={_IMAGE_NAME: tag, _REF_NAME: reference.parse(tag).tag})
        for tag in tags
    ]
    return named or [plain]


def _docker_entry(image: Saved) -> dict[str, object]:
    sources = {layer.diff_id: msgspec.to_builtins(_layer(layer)) for layer in image.layers}
    return {
        "Config": blob_path(_digest(image.config)),
        "RepoTags": [reference.parse(tag).familiar() for tag in image.tags] or None,
        "Layers": [blob_path(layer.diff_id) for layer in image.layers] or None,
        "LayerSources": dict(sorted(sources.items())),
    }


def _repositories(images: Sequence[Saved]) -> dict[str, dict[str, str]]:
    """What archives of Docker before 1.10 had: name and tag to the topmost layer."""
    found: dict[str, dict[str, str]] = {}
    for image in images:
        if image.layers:
            for tag in image.tags:
                parsed = reference.parse(tag)
                top = image.layers[-1].diff_id.removeprefix("sha256:")
                found.setdefault(parsed.repository_familiar, {})[parsed.tag] = top
    return found
