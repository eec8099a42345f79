"""Images go away: `docker rmi` and `docker image prune`, with Docker's rules for what may not."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sampan.errors import Conflict
from sampan.images import happenings, mounting, selection, store
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
            else _by_name(database, image, text, force, in_use)
        )
        gone = gc.forget(database)
    gc.remove(database, paths, gone)
    return removed


def _is_id(image: Image, text: str) -> bool:
    """Whether `text` names the image by (the beginning of) its ID and not by a name."""
    if not image.id.removeprefix("sha256:").startswith(text.removeprefix("sha256:")):
        return False
    return text.startswith("sha256:") or len(text) == 64 or reference.parse(text).normalised() not in image.tags


def is_single(tags: Sequence[str], digests: Sequence[str]) -> bool:
    """Whether an image has one name at most: one tag, and digests of the repository of that tag only; or the digests of
    one repository. Pure."""
    if len(tags) + len(digests) <= 1:
        return True
    repositories = {digest.partition("@")[0] for digest in digests}
    if len(tags) > 1 or len(repositories) > 1:
        return False
    return not tags or reference.parse(tags[0]).name in repositories


def _by_name(database: Database, image: Image, text: str, force: bool, in_use: InUse) -> Removed:
    wanted = reference.parse(text)
    users = in_use(image.id)
    if users and not force and is_single(image.tags, image.digests):
        raise Conflict(
            f'conflict: unable to remove repository reference "{text}" (must force) - container {short_id(users[0][0])}'
            f" is using its referenced image {short_id(image.id)}",
            hint=f"remove the container first (sampan rm {short_id(users[0][0])}), or take the name away with --force",
        )
    gone = _names_that_go(image, wanted)
    # One event for all: the digests only follow the tag.
    removed: Removed = [_untag(database, image.id, name, is_told=name is gone[0]) for name in gone]
    removed += _delete_siblings(database, image, gone, in_use)
    if not set(image.tags + image.digests) - set(gone):
        _check_mounts(database, image, force)
    if set(image.tags + image.digests) - set(gone) or any(running for _, running in users):
        return removed  # other names, or a running container, keep the image
    return removed + _delete(database, image, users)


def _delete_siblings(database: Database, image: Image, gone: Sequence[str], in_use: InUse) -> Removed:
    """Images of other platforms that were only known as parts of an index whose name goes, and that nothing uses."""
    removed: Removed = []
    for name in gone:
        repository, at, digest = name.partition("@")
        rows = database.rows(
            "SELECT image_id FROM repo_digest WHERE repository = ? AND digest = ? AND image_id != ?",
            (repository, digest, image.id),
        )
        for row in rows if at else ():
            sibling = store.get(database, str(row[0]))
            alone = all(other.partition("@")[0] == repository for other in sibling.digests)
            if alone and not sibling.tags and not in_use(sibling.id) and not _mounts(database, sibling):
                removed += _delete(database, sibling, [])
    return removed


def _names_that_go(image: Image, wanted: reference.Reference) -> list[str]:
    """With a repository's last tag its digests go too; a digest goes alone."""
    if wanted.digest:
        name = f"{wanted.name}@{wanted.digest}"
        return [name] if name in image.digests else [*image.tags, *image.digests]
    if wanted.normalised() not in image.tags:
        return [*image.tags, *image.digests]
    gone = [wanted.normalised()]
    if not any(tag not in gone and reference.parse(tag).name == wanted.name for tag in image.tags):
        gone += [digest for digest in image.digests if digest.partition("@")[0] == wanted.name]
    return gone


def _mounts(database: Database, image: Image) -> list[str]:
    """Folders that show the image."""
    return [entry.target for entry in mounting.mounted(database) if entry.image_id == image.id]


def _check_mounts(database: Database, image: Image, force: bool) -> None:
    """Raises Conflict for an image that is shown in a folder; when forced, its layers outlive it there."""
    folders = _mounts(database, image)
    if folders and not force:
        raise Conflict(
            f"conflict: unable to delete {short_id(image.id)} (must be forced) - image is mounted at {folders[0]}",
            hint=f"sampan image unmount {folders[0]}",
        )


def _by_id(database: Database, image: Image, force: bool, in_use: InUse) -> Removed:
    users = in_use(image.id)
    shown = short_id(image.id)
    _check_mounts(database, image, force)
    for container_id, running in users:
        if running:
            raise Conflict(
                f"conflict: unable to delete {shown} (cannot be forced) - image is being used by running container"
                f" {short_id(container_id)}",
                hint=f"stop and remove it first: sampan rm -f {short_id(container_id)}",
            )
    if not force and not is_single(image.tags, image.digests):
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
    removed: Removed = [_untag(database, image.id, name) for name in image.tags + image.digests]
    return removed + _delete(database, image, users)


def _untag(database: Database, image_id: str, name: str, *, is_told: bool = True) -> Untagged:
    """Take a tag or a name@digest away."""
    repository, at, digest = name.partition("@")
    if at:
        database.execute(
            "DELETE FROM repo_digest WHERE repository = ? AND digest = ? AND image_id = ?",
            (repository, digest, image_id),
        )
    else:
        database.execute("DELETE FROM tag WHERE reference = ?", (name,))
    if is_told:
        happenings.record(database, image_id, "untag")
    return Untagged(reference.parse(name).familiar())


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

    What interrupted pulls left goes as well, with `all_unused` however fresh it is. With `dry_run` it is only said what
    would go. Raises InvalidArgument for a malformed filter.
    """
    if dry_run:
        with database.rehearsal():
            removed = forget_unused(database, all_unused=all_unused, filters=filters, in_use=in_use)
            freed = sum(size for _, size in gc.forget(database))
        return Pruned(removed, freed + clean_begun(paths, all_unused=all_unused, filters=filters, dry_run=True))
    with database.transaction():
        removed = forget_unused(database, all_unused=all_unused, filters=filters, in_use=in_use)
        gone = gc.forget(database)
    fault.point("images.forgotten")
    freed = gc.remove(database, paths, gone).bytes + clean_begun(paths, all_unused=all_unused, filters=filters)
    happenings.pruned(database, freed)
    return Pruned(removed, freed)


def clean_begun(paths: Paths, *, all_unused: bool, filters: selection.Filters, dry_run: bool = False) -> int:
    """Remove what interrupted pulls left: what is old, or all of it where all images that nothing uses go; the bytes
    that this freed, or would free."""
    from sampan.registry import partial

    kept_seconds = 0.0 if all_unused and not filters else partial.KEPT_SECONDS
    return partial.clean(paths.downloads, kept_seconds, dry_run=dry_run)


def forget_unused(database: Database, *, all_unused: bool, filters: selection.Filters, in_use: InUse) -> Removed:
    """The deciding half of prune(): delete the rows of those images, in the caller's transaction."""
    removed: Removed = []
    for image in selection.prunable(database, dangling_only=not all_unused, filters=filters):
        if not in_use(image.id) and not _mounts(database, image):
            removed += [_untag(database, image.id, name) for name in image.tags + image.digests]
            removed += _delete(database, image, [])
    return removed
