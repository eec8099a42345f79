"""Images in the database: added, found, tagged, listed. On the start path: only start_facts() and what it needs.

An image's ID is the digest of its configuration's bytes, so the same configuration twice is one image.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sampan.errors import Corrupt, InvalidArgument, NotFound
from sampan.images.model import HistoryRow, Image
from sampan.oci import reference
from sampan.oci.config import ImageConfig, image_config_from_json, image_config_to_json
from sampan.oci.hashing import sha256
from sampan.storage.database import Database

if TYPE_CHECKING:
    from sampan.oci.platform import Platform

_ID_PREFIX = r"(?:sha256:)?([0-9a-f]{1,64})"


def add(database: Database, config: ImageConfig, snapshots: Sequence[str], *, tags: Sequence[str] = ()) -> str:
    """Store an image of recorded snapshots, lowest first, move `tags` to it, and return its ID.

    Joins a surrounding transaction. The same configuration again only moves the tags: the layers that are there stay.
    Raises InvalidArgument for a malformed tag.
    """
    document = json.dumps(image_config_to_json(config), separators=(",", ":"), ensure_ascii=False)
    return _add(database, document, config, snapshots, tags)


def add_document(database: Database, document: bytes, snapshots: Sequence[str], *, tags: Sequence[str] = ()) -> str:
    """add() for a configuration from elsewhere, whose bytes are kept as they are: their digest is the image's ID.

    Release the snapshots' leases after the commit. Raises Corrupt for what is no image configuration, or not that of
    these snapshots.
    """
    config = read_document(document)
    for snapshot_id, diff_id in zip(snapshots, config.diff_ids, strict=False):
        row = database.row("SELECT diff_id FROM snapshot WHERE id = ?", (snapshot_id,))
        if row is None or row[0] != diff_id:
            raise Corrupt(f"the image's layer {diff_id} is not here")
    return _add(database, document.decode(), config, snapshots, tags)


def read_document(document: bytes) -> ImageConfig:
    """An image configuration from elsewhere. Raises Corrupt for what is none, or cannot be kept byte for byte."""
    try:
        return image_config_from_json(json.loads(document.decode()))
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"the image configuration cannot be read: {error}") from error


def _add(database: Database, document: str, config: ImageConfig, snapshots: Sequence[str], tags: Sequence[str]) -> str:
    if len(snapshots) != len(config.diff_ids):
        raise InvalidArgument(f"an image of {len(config.diff_ids)} diff IDs cannot have {len(snapshots)} layers")
    image_id = "sha256:" + sha256(document.encode()).hexdigest()
    with database.transaction():
        size = 0
        for snapshot_id in snapshots:
            row = database.row("SELECT size FROM snapshot WHERE id = ?", (snapshot_id,))
            size += int(row[0] or 0) if row else 0
        added = database.execute(
            "INSERT OR IGNORE INTO image(id, config, size, created_at) VALUES(?, ?, ?, ?)",
            (image_id, document, size, time.time_ns()),
        )
        if added:
            for position, snapshot_id in enumerate(snapshots):
                database.execute("INSERT INTO image_layer VALUES(?, ?, ?)", (image_id, position, snapshot_id))
        for text in tags:
            set_tag(database, image_id, text)
    return image_id


def set_tag(database: Database, image_id: str, text: str, *, is_told: bool = True) -> str:
    """Point a tag at an image, away from another one if need be; returns the normalised reference. Unless `is_told` no
    event tells of it."""
    target = reference.parse(text)
    if target.digest:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    with database.transaction():
        database.execute(
            "INSERT OR REPLACE INTO tag(reference, image_id, tagged_at) VALUES(?, ?, ?)",
            (target.normalised(), image_id, time.time_ns()),
        )
        if is_told:
            from sampan.images import happenings  # not on the way to a start

            happenings.record(database, image_id, "tag", target.familiar())
    return target.normalised()


def place_tag(database: Database, image_id: str, normalised: str) -> None:
    """set_tag() without an event; a tag that is there already keeps its time."""
    with database.transaction():
        database.execute(
            "INSERT INTO tag(reference, image_id, tagged_at) VALUES(?, ?, ?) ON CONFLICT(reference) DO UPDATE"
            " SET image_id = excluded.image_id, tagged_at = excluded.tagged_at WHERE image_id != excluded.image_id",
            (normalised, image_id, time.time_ns()),
        )


def tag(database: Database, source: str, target: str) -> str:
    """`docker tag`: give the image that `source` names another tag, and return it normalised."""
    try:
        wanted = reference.parse(target)
    except InvalidArgument as error:
        message = f'Error parsing reference: "{target}" is not a valid repository/tag: {error.message}'
        raise InvalidArgument(message, hint=error.hint) from error
    if wanted.digest:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    with database.transaction():
        return set_tag(database, resolve(database, source), wanted.normalised())


def resolve(database: Database, text: str) -> str:
    """The ID of the image that `text` names: NAME[:TAG], NAME@DIGEST, or an ID in full or the beginning of one.

    Raises NotFound ("No such image: X:latest") and InvalidArgument for what is neither.
    """
    full = text.removeprefix("sha256:")
    if len(full) == 64 and re.fullmatch(_ID_PREFIX, full):
        row = database.row("SELECT id FROM image WHERE id = ?", ("sha256:" + full,))
        if row is None:
            raise NotFound(f"No such image: sha256:{full}")
        return str(row[0])
    if text.startswith("sha256:") and re.fullmatch(_ID_PREFIX, text):
        name, shown = "", text
    else:
        wanted = reference.parse(text)
        name, shown = wanted.normalised(), wanted.familiar()
        row = database.row("SELECT image_id FROM tag WHERE reference = ?", (name,))
        if row is not None:
            return str(row[0])
        if wanted.digest:
            return _by_digest(database, wanted)
    found = []
    prefix = re.fullmatch(_ID_PREFIX, text)
    if prefix:
        low = "sha256:" + prefix[1]
        found = database.rows("SELECT id FROM image WHERE id >= ? AND id < ? LIMIT 3", (low, low + "g"))
        if len(found) == 1:
            return str(found[0][0])
    hint = f"{text} begins the IDs of several images: write more of it" if found else ""
    raise NotFound(f"No such image: {shown}", hint=hint)


def _by_digest(database: Database, wanted: reference.Reference) -> str:
    """An image that the repository has under that digest: of a manifest or index, or its own ID.

    An index may have given several, for several platforms: this host's, else the one that came last.
    """
    found = database.rows(
        "SELECT image_id, config FROM repo_digest JOIN image ON id = image_id WHERE repository = ? AND digest = ?"
        " ORDER BY created_at DESC",
        (wanted.name, wanted.digest),
    )
    for image_id, document in found:
        if len(found) == 1 or _is_for_host(str(document)):
            return str(image_id)
    if found:
        return str(found[0][0])
    rows = database.rows("SELECT reference FROM tag WHERE image_id = ?", (wanted.digest,))
    if any(reference.parse(str(row[0])).name == wanted.name for row in rows):
        return wanted.digest
    raise NotFound(f"No such image: {wanted.familiar()}")


def _is_for_host(document: str) -> bool:
    from sampan.oci import platform

    return platform.satisfies(platform_of(document), platform.host_platform(os.uname().machine))


def start_facts(database: Database, text: str) -> tuple[str, str, tuple[str, ...]]:
    """What a container is made from: (image ID, JSON text of the configuration, snapshot ids lowest first).

    Raises as resolve() does.
    """
    image_id = resolve(database, text)
    rows = database.rows(
        "SELECT config, snapshot_id FROM image LEFT JOIN image_layer ON image_id = id WHERE id = ? ORDER BY position",
        (image_id,),
    )
    if not rows:
        raise NotFound(f"No such image: {text}")
    return image_id, str(rows[0][0]), tuple(str(row[1]) for row in rows if row[1] is not None)


def check_platform(document: str, text: str, wanted: str) -> None:
    """Raises NotFound when the image `text`, whose configuration is `document`, is for another platform than `wanted`;
    InvalidArgument when that is none."""
    from sampan.oci import platform

    asked = platform.parse(wanted, platform.host_platform(os.uname().machine))
    if not platform.satisfies(platform_of(document), asked):
        raise NotFound(f"image with reference {text} was found but does not provide the specified platform ({asked})")


def find_for(database: Database, text: str, wanted: str) -> Image:
    """The image that `text` names, which must be for the platform `wanted` ("" = any).

    Raises NotFound in the words that inspect, history and rmi have in Docker; InvalidArgument for no platform.
    """
    image = find(database, text)
    if wanted:
        from sampan.oci import platform

        asked = platform.parse(wanted, platform.host_platform(os.uname().machine))
        mine = platform.normalise(image.config.os, image.config.architecture, image.config.variant)
        if not platform.satisfies(mine, asked):
            raise NotFound(
                f"image with reference {text} was found but its platform ({mine}) does not match the specified platform"
                f" ({asked})"
            )
    return image


def platform_of(document: str) -> "Platform":
    """The platform that an image configuration is for."""
    from sampan.oci import platform

    config = json.loads(document)
    return platform.normalise(config.get("os") or "", config.get("architecture") or "", config.get("variant") or "")


def find(database: Database, text: str) -> Image:
    """The image that `text` names. Raises as resolve() does."""
    return get(database, resolve(database, text))


def get(database: Database, image_id: str) -> Image:
    """The image with that full ID. Raises NotFound."""
    row = database.row("SELECT config, size, created_at FROM image WHERE id = ?", (image_id,))
    if row is None:
        raise NotFound(f"No such image: {image_id}")
    config = image_config_from_json(json.loads(str(row[0])))
    layers = database.rows("SELECT snapshot_id FROM image_layer WHERE image_id = ? ORDER BY position", (image_id,))
    return Image(
        id=image_id,
        config=config,
        layers=tuple(str(layer[0]) for layer in layers),
        size=int(row[1] or 0),
        tags=tags_of(database, image_id),
        created=config.created,
        stored_ns=int(row[2] or 0),
        digests=digests_of(database, image_id),
    )


def tags_of(database: Database, image_id: str) -> tuple[str, ...]:
    """An image's tags, normalised and sorted."""
    rows = database.rows("SELECT reference FROM tag WHERE image_id = ? ORDER BY reference", (image_id,))
    return tuple(str(row[0]) for row in rows)


def digests_of(database: Database, image_id: str) -> tuple[str, ...]:
    """An image's name@digest forms, normalised and sorted."""
    rows = database.rows("SELECT repository, digest FROM repo_digest WHERE image_id = ? ORDER BY 1, 2", (image_id,))
    return tuple(f"{row[0]!s}@{row[1]!s}" for row in rows)


def tags_in(database: Database, repository: reference.Reference) -> list[reference.Reference]:
    """The references of a repository that images here have, sorted."""
    name = repository.name
    rows = database.rows(
        "SELECT reference FROM tag WHERE reference >= ? AND reference < ? ORDER BY reference", (name + ":", name + ";")
    )
    return [reference.parse(str(row[0])) for row in rows]


def all_images(database: Database) -> list[Image]:
    """Every image, the one created last first."""
    with database.transaction():
        images = [get(database, str(row[0])) for row in database.rows("SELECT id FROM image")]
    return sorted(images, key=lambda image: (image.created, image.stored_ns, image.id), reverse=True)


def history(database: Database, image: Image) -> list[HistoryRow]:
    """The lines of `docker history`, newest first, each with the size of the layer that it made."""
    rows = database.rows(
        "SELECT size FROM image_layer JOIN snapshot ON snapshot.id = snapshot_id WHERE image_id = ? ORDER BY position",
        (image.id,),
    )
    sizes = [int(row[0] or 0) for row in rows]
    lines: list[HistoryRow] = []
    for entry in image.config.history:
        size = 0 if entry.empty_layer or not sizes else sizes.pop(0)
        lines.append(HistoryRow("<missing>", entry.created, entry.created_by, size, entry.comment))
    lines += [HistoryRow("<missing>", image.created, "", size, "") for size in sizes]
    lines.reverse()
    if lines:
        lines[0] = lines[0]._replace(id=image.id, tags=image.tags)
    return lines


@contextmanager
def holding(database: Database, choose: Callable[[], Sequence[Image]]) -> Iterator[Sequence[Image]]:
    """The images that `choose` finds, whose layers nobody collects meanwhile. Raises what it raises."""
    from sampan.storage import snapshots

    images: Sequence[Image] = ()

    def chosen() -> list[str]:
        nonlocal images
        images = choose()
        return [layer for image in images for layer in image.layers]

    with snapshots.holding(database, chosen):
        yield images


def layers_size(database: Database, layers: Sequence[str]) -> int:
    """Bytes of the regular files of some layers."""
    rows = [database.row("SELECT size FROM snapshot WHERE id = ?", (snapshot_id,)) for snapshot_id in layers]
    return sum(int(row[0] or 0) for row in rows if row is not None)
