"""What an archive says of its images besides them: attestations in the indexes of its layout. Pure."""

from collections.abc import Iterator

from sampan.images.archive import contents
from sampan.images.archive.contents import Documents
from sampan.oci import attestations
from sampan.oci import manifest as manifests
from sampan.oci.manifest import Descriptor, Index, Manifest
from sampan.values import NamedTuple

_DEEPEST = 4


class Said(NamedTuple):
    """Statements about an image, and its manifest's entry in their index."""

    entry: Descriptor
    statements: tuple[bytes, ...]


def by_image(documents: Documents) -> dict[str, Said]:
    """What is said, by the digest of an image's configuration. Raises Corrupt."""
    if documents.find("index.json") is None:
        return {}
    found: dict[str, Said] = {}
    top = manifests.parse(documents.get("index.json"), manifests.OCI_INDEX)
    for index in _indexes(documents, top, _DEEPEST):
        for entry in index.manifests:
            if entry.media_type not in manifests.MANIFEST_TYPES or attestations.is_attestation(entry):
                continue
            said = attestations.statements_about(index, entry.digest, lambda digest: _blob(documents, digest))
            content = _blob(documents, entry.digest) if said else None
            manifest = manifests.parse(content, entry.media_type) if content is not None else None
            if isinstance(manifest, Manifest):
                found[manifest.config.digest] = Said(entry, said)
    return found


def _indexes(documents: Documents, document: Index | Manifest, depth: int) -> Iterator[Index]:
    if isinstance(document, Index):
        yield document
        for entry in document.manifests if depth else ():
            if (
                entry.media_type in manifests.INDEX_TYPES
                and documents.find(contents.blob_path(entry.digest)) is not None
            ):
                yield from _indexes(documents, manifests.parse(contents.blob(documents, entry)), depth - 1)


def _blob(documents: Documents, digest: str) -> bytes | None:
    """A blob of an archive, whose digest is checked; None where it has it not."""
    content = documents.find(contents.blob_path(digest))
    if content is None:
        return None
    return contents.blob(documents, Descriptor(media_type="", digest=digest, size=len(content)))
