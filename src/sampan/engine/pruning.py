"""What nothing uses goes away: containers that do not run, and `system prune` as a whole."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sampan.containers import claims, ending, happenings, store
from sampan.containers.model import Container
from sampan.engine.listing import prunable
from sampan.engine.usage import written
from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.linux import fault, files
from sampan.storage import gc, leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.builder.cache.pruning import Cached
    from sampan.images.removal import Removed

Filters = Mapping[str, Sequence[str]]
NO_FILTERS: Filters = {}
_KNOWN = ("label", "label!", "until")


class SystemPruned(NamedTuple):
    """What a `system prune` took: containers and volumes as (id or name, bytes), networks by name, images and layers,
    results of build steps; `bytes` is what became free in all."""

    containers: tuple[tuple[str, int], ...]
    networks: tuple[str, ...]
    volumes: tuple[tuple[str, int], ...]
    images: "Removed"
    cache: "tuple[Cached, ...]"
    bytes: int


def containers(
    database: Database, paths: Paths, filters: Filters = NO_FILTERS, *, dry_run: bool = False
) -> list[tuple[str, int]]:
    """Remove containers that do not run and pass the filters: [(id, bytes that they had written)]."""
    found = _unused_containers(database, filters)
    if dry_run:
        return [(record.id, written(paths, record)) for record in found]
    removed = []
    for record in found:
        try:
            size = written(paths, record)
            ending.remove(database, paths, record.id)
        except (NotFound, Conflict, FileNotFoundError):
            continue  # removed or started by somebody else meanwhile
        removed.append((record.id, size))
        fault.point("prune.container-removed")
    happenings.pruned(database, sum(size for _, size in removed))
    return removed


def _unused_containers(database: Database, filters: Filters) -> list[Container]:
    with database.transaction(durable=False):
        # Together: one that is made between the two would be taken for one that nobody is about to start.
        records = store.all_containers(database)
        starting = leases.held(database)
    return [record for record in prunable(records, filters) if claims.lease_of(record.id) not in starting]


def system(
    database: Database,
    paths: Paths,
    *,
    all_unused: bool = False,
    include_volumes: bool = False,
    filters: Filters = NO_FILTERS,
    dry_run: bool = False,
) -> SystemPruned:
    """`docker system prune`: containers, networks, with `include_volumes` anonymous volumes, dangling images (with
    `all_unused` all that nothing uses) and the build cache, in this order.

    Raises InvalidArgument for a filter that is not known, malformed, or `until` together with volumes.
    """
    if include_volumes and "until" in filters:
        raise InvalidArgument(
            'The "until" filter is not supported with "--volumes"', hint="prune the volumes on their own: volume prune"
        )
    for name in filters:
        if name not in _KNOWN:
            raise InvalidArgument(f"invalid filter '{name}'", hint="filters are " + ", ".join(_KNOWN))
    prune = _rehearse if dry_run else _perform
    return prune(database, paths, all_unused, include_volumes, filters)


def _perform(
    database: Database, paths: Paths, all_unused: bool, include_volumes: bool, filters: Filters
) -> SystemPruned:
    from sampan.builder.cache import pruning as cache
    from sampan.engine.images import Images
    from sampan.engine.networks import Networks
    from sampan.volumes import pruning as volumes

    gone = containers(database, paths, filters)
    networks = Networks(database, paths).prune(filters)
    pruned: list[tuple[str, int]] = []
    if include_volumes:
        pruned = volumes.prune(database, paths, accept=accepting(filters))
    images = Images(database, paths).prune(all_unused=all_unused, filters=filters)
    built = cache.prune(database, paths, all_unused=all_unused, filters=_of_cache(filters))
    if all_unused and not filters:
        # What builds remember of contexts is digests only: a build that goes on at this moment loses time at most.
        files.remove_below(paths.root, "build-contexts")
    freed = sum(size for _, size in (*gone, *pruned)) + images.bytes + built.bytes
    return SystemPruned(tuple(gone), tuple(networks), tuple(pruned), images.removed, built.removed, freed)


def _rehearse(
    database: Database, paths: Paths, all_unused: bool, include_volumes: bool, filters: Filters
) -> SystemPruned:
    """The decisions of a prune one upon the other, in a transaction that is undone: a volume of a container that would
    go would go too."""
    from sampan.builder.cache import pruning as cache
    from sampan.engine.images import Images
    from sampan.engine.networks import Networks
    from sampan.images import removal
    from sampan.volumes import pruning as volumes
    from sampan.volumes import store as volume_store

    found = _unused_containers(database, filters)
    with database.rehearsal():
        for record in found:
            database.execute("DELETE FROM volume_use WHERE container_id = ?", (record.id,))
            store.delete(database, record.id)
        networks = Networks(database, paths).prune(filters, dry_run=True)
        names = volumes.unused(database, include_named=False, accept=accepting(filters)) if include_volumes else []
        users = Images(database, paths).users
        images = removal.forget_unused(database, all_unused=all_unused, filters=filters, in_use=users)
        with cache.Locks() as locks:
            built = cache.forget(database, paths, locks, all_unused=all_unused, filters=_of_cache(filters))
        layers = sum(size for _, size in gc.forget(database)) + cache.mount_bytes(built)
    sizes = [(record.id, written(paths, record)) for record in found]
    pruned = [(name, volume_store.size(paths, name)) for name in names]
    begun = removal.clean_begun(paths, all_unused=all_unused, filters=filters, dry_run=True)
    freed = layers + begun + sum(size for _, size in (*sizes, *pruned))
    return SystemPruned(tuple(sizes), tuple(networks), tuple(pruned), images, built, freed)


def _of_cache(filters: Filters) -> Filters:
    """Results of steps have no labels: a filter that wants one takes none, one that wants none takes all."""
    return {name: values for name, values in filters.items() if name != "label!"}


def accepting(filters: Filters) -> "Callable[[Mapping[str, str]], bool]":
    """The test of the filters label and label! for a volume's labels."""

    def accept(labels: Mapping[str, str]) -> bool:
        return all(_has(labels, text) for text in filters.get("label", ())) and not any(
            _has(labels, text) for text in filters.get("label!", ())
        )

    return accept


def _has(labels: Mapping[str, str], text: str) -> bool:
    key, equals, value = text.partition("=")
    return key in labels and (not equals or labels[key] == value)
