"""Statements about an image that go with its tag: kept as the index that a build or an archive had."""

from collections.abc import Sequence

from sampan.images import origins, tag_documents
from sampan.images.origins import Stored
from sampan.oci import attestations
from sampan.oci import manifest as manifests
from sampan.oci.digest import digest_of
from sampan.oci.manifest import Descriptor, Index
from sampan.storage.database import Database


def statements(database: Database, reference: str, image_id: str) -> tuple[bytes, ...]:
    """What is said of an image that a normalised tag means; () for nothing. Raises Corrupt."""
    document = tag_documents.find(database, reference)
    if document is None or document.media_type not in manifests.INDEX_TYPES:
        return ()
    index = manifests.parse(document.content, document.media_type)
    assert isinstance(index, Index)
    images = [entry for entry in index.manifests if not attestations.is_attestation(entry)]
    for entry in images:
        known = origins.manifest(database, entry.digest)
        if len(images) == 1 or (known is not None and known[0] == image_id):
            return attestations.statements_about(
                index, entry.digest, lambda digest: tag_documents.blob(database, document.digest, digest)
            )
    return ()


def keep(database: Database, reference: str, image_id: str, entry: Descriptor, said: Sequence[bytes]) -> Stored:
    """Let a tag, which means `image_id`, carry what is said of it; `entry` is the image's manifest in the index that is
    made. Joins the caller's transaction. Raises Corrupt."""
    attested = attestations.beside(said, entry.digest)
    index = manifests.encode(Index(media_type=manifests.OCI_INDEX, manifests=(entry, attested.entry)))
    stored = Stored(digest_of(index), manifests.OCI_INDEX, index)
    tag_documents.record(database, reference, image_id, stored, attested.blobs)
    return stored
