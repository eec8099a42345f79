"""An image of several platforms, or with annotations: the documents that its tags mean in a registry."""

import os
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from sampan.builder.exchange.document import ANNOTATION
from sampan.builder.options import Annotation
from sampan.builder.progress.events import Work
from sampan.builder.work.stages import Shared
from sampan.images import compressing, origins, tag_documents
from sampan.images import store as images
from sampan.images.origins import Blob, Stored
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.oci.digest import digest_of
from sampan.oci.manifest import Descriptor, Index, Manifest
from sampan.oci.platform import Platform

if TYPE_CHECKING:
    from sampan.builder.attestations.attaching import Attaching
    from sampan.builder.finishing import Made


def tag(
    shared: Shared, made: "Sequence[Made]", tags: Sequence[str], work: Work, attaching: "Attaching | None" = None
) -> "list[Made]":
    """Give the images these tags: they mean the one that this host runs, or the first, which comes first in the answer,
    and in a registry an index of all. Raises OSError.

    Layers are compressed for it, so that the digest is the one that a push gives.
    """
    host = platforms.host_platform(os.uname().machine)
    ordered = sorted(made, key=lambda one: not platforms.satisfies(one.platform, host))
    stored = [(one, manifest_of(shared, one)) for one in made]
    attested = [attaching.attest(one, manifest.content) for one, manifest in stored] if attaching is not None else []
    document = document_of(stored, shared.options.annotations, [said.entry for said in attested])
    blobs = {digest: content for said in attested for digest, content in said.blobs.items()}
    with shared.database.transaction():
        for one, manifest in stored:
            origins.record_manifest(shared.database, one.image_id, manifest)
        for text in tags:
            images.set_tag(shared.database, ordered[0].image_id, text)
            for one in made:
                origins.record_digest(shared.database, reference.parse(text).name, document.digest, one.image_id)
            tag_documents.record(shared.database, text, ordered[0].image_id, document, blobs)
    for _, manifest in stored:
        work.status(f"exporting manifest {manifest.digest} done")
    for said in attested:
        work.status(f"exporting attestation manifest {said.entry.digest} done")
    if document.media_type == manifests.OCI_INDEX:
        work.status(f"exporting manifest list {document.digest} done")
    return ordered


def document_of(
    stored: "Sequence[tuple[Made, Stored]]", annotations: Sequence[Annotation], others: Sequence[Descriptor] = ()
) -> Stored:
    """The index of several manifests, and of `others` behind them; of one alone that manifest itself."""
    if len(stored) == 1 and not others:
        return stored[0][1]
    entries = tuple(
        Descriptor(
            media_type=manifests.OCI_MANIFEST,
            digest=manifest.digest,
            size=len(manifest.content),
            platform=manifests.fields_of(made.platform),
            annotations=annotated(annotations, "manifest-descriptor", made.platform),
        )
        for made, manifest in stored
    )
    index = Index(
        media_type=manifests.OCI_INDEX,
        manifests=(*entries, *others),
        annotations=annotated(annotations, "index", None),
    )
    content = msgspec.json.format(msgspec.json.encode(index), indent=2)
    return Stored(digest_of(content), manifests.OCI_INDEX, content)


def manifest_of(shared: Shared, made: "Made") -> Stored:
    """The manifest of an image, annotated; layers whose compressed form is not known are compressed. Raises OSError."""
    image = images.get(shared.database, made.image_id)
    row = shared.database.row("SELECT length(CAST(config AS BLOB)) FROM image WHERE id = ?", (image.id,))
    assert row is not None
    blobs = [
        _compressed(shared, snapshot_id, diff_id)
        for snapshot_id, diff_id in zip(image.layers, image.config.diff_ids, strict=True)
    ]
    manifest = Manifest(
        media_type=manifests.OCI_MANIFEST,
        config=Descriptor(media_type=manifests.OCI_CONFIG, digest=image.id, size=int(row[0] or 0)),
        layers=tuple(
            Descriptor(media_type=manifests.OCI_LAYER + "+gzip", digest=blob.digest, size=blob.size) for blob in blobs
        ),
        annotations={
            **annotated(shared.options.annotations, "manifest", made.platform),
            **({ANNOTATION: shared.inlined[image.id]} if image.id in shared.inlined else {}),
        },
    )
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    return Stored(digest_of(content), manifests.OCI_MANIFEST, content)


def _compressed(shared: Shared, snapshot_id: str, diff_id: str) -> Blob:
    known = origins.compressed(shared.database, diff_id)
    if known is not None:
        return known
    with tempfile.TemporaryFile(dir=shared.paths.tmp) as file:
        made = compressing.compress(shared.database, shared.paths, snapshot_id, file.fileno())
    blob = Blob("", made.digest, diff_id, made.size, manifests.DOCKER_LAYER)
    origins.record_blobs(shared.database, [blob])
    return blob


def annotated(annotations: Sequence[Annotation], level: str, platform: Platform | None) -> dict[str, str]:
    """The annotations of a level, of those for one platform only that one's."""
    return {
        one.key: one.value
        for one in annotations
        if one.level == level and (not one.platform or platform is None or one.platform == str(platform))
    }
