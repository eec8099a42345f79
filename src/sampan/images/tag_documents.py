"""Documents that a tag means in a registry: an index of several images, or a manifest that says more than the image.

They are made with a build, and pushed as they are. A tag that was moved to another image means that image alone.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sampan.storage.database import Database

if TYPE_CHECKING:
    from sampan.images.origins import Stored


def record(database: Database, reference: str, image_id: str, stored: "Stored", blobs: Mapping[str, bytes]) -> None:
    """Let a normalised tag, which means `image_id` here, mean a document elsewhere. `blobs` are manifests of what is no
    image, and what these name, by digest."""
    with database.transaction():
        database.execute(
            "INSERT OR REPLACE INTO tag_document VALUES(?, ?, ?, ?, ?)",
            (reference, image_id, stored.digest, stored.media_type, stored.content),
        )
        for digest, content in blobs.items():
            database.execute("INSERT OR IGNORE INTO document_blob VALUES(?, ?, ?)", (stored.digest, digest, content))
        _tidy(database)


def forget(database: Database, reference: str) -> None:
    """The tag means its image alone from here on."""
    with database.transaction():
        if database.execute("DELETE FROM tag_document WHERE reference = ?", (reference,)):
            _tidy(database)


def _tidy(database: Database) -> None:
    """Documents of tags that have moved on, or are gone, and what only they name."""
    database.execute(
        "DELETE FROM tag_document WHERE NOT EXISTS (SELECT 1 FROM tag WHERE tag.reference = tag_document.reference"
        " AND tag.image_id = tag_document.image_id)"
    )
    database.execute("DELETE FROM document_blob WHERE document NOT IN (SELECT digest FROM tag_document)")


def find(database: Database, reference: str) -> "Stored | None":
    """The document of a normalised tag; None where it means its image alone."""
    row = database.row(
        "SELECT digest, media_type, content FROM tag_document JOIN tag USING (reference, image_id) WHERE reference = ?",
        (reference,),
    )
    if row is None:
        return None
    from sampan.images.origins import Stored  # not on the way of a build without such documents

    content = row[2]
    assert isinstance(content, bytes)
    return Stored(str(row[0]), str(row[1]), content)


def blob(database: Database, document: str, digest: str) -> bytes | None:
    """Something that a document names besides images."""
    row = database.row("SELECT content FROM document_blob WHERE document = ? AND digest = ?", (document, digest))
    if row is None:
        return None
    assert isinstance(row[0], bytes)
    return row[0]
