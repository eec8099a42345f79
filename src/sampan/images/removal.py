"""Images go away: `docker rmi` and `docker image prune`, with Docker's rules for what may not."""

from collections.abc import Callable
from typing import NamedTuple

from sampan.errors import Conflict
from sampan.images import happenings, selection, store
from sampan.images.model import Deleted, Image, Untagged, chain_ids, short_id
from sampan.linux import fault
from sampan.oci import reference
from sampan.storage import gc
from sampan.storage.database import Database
from sampan.storage.paths import Paths

InUse = Callable[[str], list[tuple[str, bool]]]
Removed = list[Untagged | Deleted]


class Pruned(NamedTuple):
    """What a prune took, in order, and the bytes that it freed."""

    removed: Removed
    bytes: int


def remove(database: Database, paths: Paths, text: str, *, force: bool = False, in_use: InUse) -> Removed:
    """`docker rmi`: take away a tag, and the image with its layers when that was its last one.

    `in_use` gives the (container ID, is running) that were made from an image ID. Raises NotFound; Conflict in Docker's
    words where a container or other tags stand against it. Layers that a build step or container still needs stay.
    Not to be called inside a transaction: files go only after the commit.
    """
    with database.transaction():
        image = store.find(database, text)
        removed = (
            _by_id(database, image, force, in_use)
            if _is_id(image, text)
            else _by_tag(database, image, text, force, in_use)
        )
    gc.collect(database, paths)
    return removed


def _is_id(image: Image, text: str) -> bool:
    """Whether `text` names the image by (the beginning of) its ID and not by a tag."""
    if not image.id.removeprefix("sha256:").startswith(text.removeprefix("sha256:")):
        return False
    return text.startswith("sha256:") or len(text) == 64 or reference.parse(text).normalised() not in image.tags


def _by_tag(database: Database, image: Image, text: str, force: bool, in_use: InUse) -> Removed:
    wanted = reference.parse(text)
    users = in_use(image.id)
    if users and not force and len(image.tags) == 1:
        raise Conflict(
            f'conflict: unable to remove repository reference "{text}" (must force) - container {short_id(users[0][0])}'
            f" is using its referenced image {short_id(image.id)}",
            hint=f"remove the container first (sampan rm {short_id(users[0][0])}), or take the tag away with --force",
        )
    gone = [wanted.normalised()] if wanted.normalised() in image.tags else list(image.tags)
    removed: Removed = [_untag(database, tag) for tag in gone]
    if len(gone) < len(image.tags) or any(running for _, running in users):
        return removed  # other tags, or a running container, keep the image
    return removed + _delete(database, image, users)


def _by_id(database: Database, image: Image, force: bool, in_use: InUse) -> Removed:
    users = in_use(image.id)
    shown = short_id(image.id)
    for container_id, running in users:
        if running:
            raise Conflict(
                f"conflict: unable to delete {shown} (cannot be forced) - image is being used by running container"
                f" {short_id(container_id)}",
                hint=f"stop and remove it first: sampan rm -f {short_id(container_id)}",
            )
    if len(image.tags) > 1 and not force:
        raise Conflict(
            f"conflict: unable to delete {shown} (must be forced) - image is referenced in multiple repositories",
            hint="remove the tags one by one, or use --force",
        )
    if users and not force:
        raise Conflict(
            f"conflict: unable to delete {shown} (must be forced) - image is being used by stopped container"
            f" {short_id(users[0][0])}",
            hint=f"remove the container first (sampan rm {short_id(users[0][0])}), or use --force",
        )
    removed: Removed = [_untag(database, tag) for tag in image.tags]
    return removed + _delete(database, image, users)


def _untag(database: Database, normalised: str) -> Untagged:
    row = database.row("SELECT image_id FROM tag WHERE reference = ?", (normalised,))
    database.execute("DELETE FROM tag WHERE reference = ?", (normalised,))
    if row is not None:
        happenings.record(database, str(row[0]), "untag")
    return Untagged(reference.parse(normalised).familiar())


def _delete(database: Database, image: Image, users: list[tuple[str, bool]]) -> Removed:
    """Delete the image's rows; its layers are reported as gone, topmost first, where nothing else has them."""
    database.execute("DELETE FROM image WHERE id = ?", (image.id,))
    happenings.record(database, image.id, "delete")
    removed: Removed = [Deleted(image.id)]
    if users:
        return removed  # a stopped container keeps the layers
    kept: set[str] = set()
    for row in database.rows("SELECT id FROM image"):
        kept.update(chain_ids(store.get(database, str(row[0])).config.diff_ids))
    for chain in reversed(chain_ids(image.config.diff_ids)):
        if chain in kept:
            break
        removed.append(Deleted(chain))
    return removed


def prune(
    database: Database,
    paths: Paths,
    *,
    all_unused: bool = False,
    filters: selection.Filters = selection.NO_FILTERS,
    in_use: InUse,
    dry_run: bool = False,
) -> Pruned:
    """`docker image prune [-a]`: take the images without a tag, or all, that no container was made from.

    With `dry_run` it is only said what would go. Raises InvalidArgument for a malformed filter.
    """
    if dry_run:
        with database.rehearsal():
            removed = forget_unused(database, all_unused=all_unused, filters=filters, in_use=in_use)
            freed = sum(size for _, size in gc.forget(database))
        return Pruned(removed, freed)
    with database.transaction():
        removed = forget_unused(database, all_unused=all_unused, filters=filters, in_use=in_use)
    fault.point("images.forgotten")
    freed = gc.collect(database, paths).bytes
    happenings.pruned(database, freed)
    return Pruned(removed, freed)


def forget_unused(database: Database, *, all_unused: bool, filters: selection.Filters, in_use: InUse) -> Removed:
    """The deciding half of prune(): delete the rows of those images, in the caller's transaction."""
    removed: Removed = []
    for image in selection.prunable(database, dangling_only=not all_unused, filters=filters):
        if not in_use(image.id):
            removed += [_untag(database, tag) for tag in image.tags]
            removed += _delete(database, image, [])
    return removed
