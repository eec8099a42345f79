"""What is known of images in registries: by which digests, of which manifests, with which compressed layers."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from sampan.oci import manifest as manifests
from sampan.storage.database import Database


class Blob(NamedTuple):
    """A layer as a repository has it. `size` is of the compressed bytes, whose digest is `digest`."""

    repository: str
    digest: str
    diff_id: str
    size: int
    media_type: str

    @property
    def descriptor(self) -> manifests.Descriptor:
        return manifests.Descriptor(media_type=self.media_type, digest=self.digest, size=self.size)


class Stored(NamedTuple):
    """A manifest as it was received or sent."""

    digest: str
    media_type: str
    content: bytes


def record_digest(database: Database, repository: str, digest: str, image_id: str) -> None:
    """Note that `repository` (docker.io/library/busybox) has the image as a manifest or index of that digest."""
    with database.transaction():
        database.execute("INSERT OR IGNORE INTO repo_digest VALUES(?, ?, ?)", (repository, digest, image_id))


def record_manifest(database: Database, image_id: str, stored: Stored) -> None:
    """Keep an image's manifest; one that is kept already stays."""
    with database.transaction():
        database.execute(
            "INSERT OR IGNORE INTO manifest VALUES(?, ?, ?, ?)",
            (image_id, stored.digest, stored.media_type, stored.content),
        )


def manifests_of(database: Database, image_id: str) -> tuple[Stored, ...]:
    """The kept manifests of an image."""
    rows = database.rows("SELECT digest, media_type, content FROM manifest WHERE image_id = ?", (image_id,))
    return tuple(Stored(str(row[0]), str(row[1]), _bytes(row[2])) for row in rows)


def manifest(database: Database, digest: str) -> tuple[str, Stored] | None:
    """(image ID, manifest) by the manifest's digest."""
    row = database.row("SELECT image_id, digest, media_type, content FROM manifest WHERE digest = ?", (digest,))
    return None if row is None else (str(row[0]), Stored(str(row[1]), str(row[2]), _bytes(row[3])))


def record_blobs(database: Database, blobs: Sequence[Blob]) -> None:
    """Note where layers are. What is known of the same blob is replaced."""
    now = time.time_ns()
    with database.transaction():
        for blob in blobs:
            database.execute("INSERT OR REPLACE INTO blob VALUES(?, ?, ?, ?, ?, ?)", (*blob, now))


def forget_blob(database: Database, repository: str, digest: str) -> None:
    """A repository that had a blob has it no more."""
    with database.transaction():
        database.execute("DELETE FROM blob WHERE repository = ? AND digest = ?", (repository, digest))


def diff_id_of(database: Database, digest: str) -> str:
    """The diff ID of compressed bytes that were seen anywhere, "" when they were not."""
    row = database.row("SELECT diff_id FROM blob WHERE digest = ? LIMIT 1", (digest,))
    return "" if row is None else str(row[0])


def blobs_of(database: Database, diff_id: str, registry: str) -> tuple[Blob, ...]:
    """Where the repositories of a registry have a layer, the one seen last first."""
    rows = database.rows(
        "SELECT repository, digest, diff_id, size, media_type FROM blob"
        " WHERE diff_id = ? AND substr(repository, 1, ?) = ? ORDER BY seen_at DESC LIMIT 16",
        (diff_id, len(registry) + 1, registry + "/"),
    )
    return tuple(Blob(str(row[0]), str(row[1]), str(row[2]), int(row[3] or 0), str(row[4])) for row in rows)


def compressed(database: Database, diff_id: str) -> Blob | None:
    """What compressing a layer gave the last time: the blob of no repository."""
    row = database.row("SELECT digest, size, media_type FROM blob WHERE diff_id = ? AND repository = ''", (diff_id,))
    return None if row is None else Blob("", str(row[0]), diff_id, int(row[1] or 0), str(row[2]))


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
