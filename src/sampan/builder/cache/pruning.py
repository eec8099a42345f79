"""Results of build steps and cache mounts go away: `docker builder prune`. The next build makes again what it needs."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sampan.errors import InvalidArgument
from sampan.images import selection
from sampan.linux import fault
from sampan.storage import caches, events, gc
from sampan.storage.database import Database
from sampan.storage.paths import Paths

Filters = Mapping[str, Sequence[str]]
NO_FILTERS: Filters = {}
_REMEMBERED = 10_000  # keys of results that are gone
_KNOWN = ("description", "id", "inuse", "label", "parent", "private", "shared", "type", "until", "unused-for")


class Cached(NamedTuple):
    """The layer of a step, found under each of `keys`; `is_shared` when an image or a container has it too. Or a cache
    mount, whose id is its one key: it has no snapshot, and is `is_used` while a build has it.

    `parents` are the keys of the steps before. Times in ns since the epoch, `size` in bytes.
    """

    keys: tuple[str, ...]
    parents: tuple[str, ...]
    snapshot_id: str
    size: int
    created_at: int
    used_at: int
    is_shared: bool
    uses: int = 1  # how often it was made or found
    is_mount: bool = False
    is_used: bool = False
    description: str = ""

    @property
    def id(self) -> str:
        """Its short name: 25 digits, as long as BuildKit's."""
        return self.keys[0].removeprefix("sha256:")[:25]

    @property
    def kind(self) -> str:
        """BuildKit's name of its kind."""
        return "exec.cachemount" if self.is_mount else "regular"


class Limits(NamedTuple):
    """How much may stay, in bytes: `kept` of the cache in any case, at most `used` of it, and `free` of the disk is to
    be free; 0 = not said. With any of them, only as much goes as is too much, what was not used for longest first."""

    kept: int = 0
    used: int = 0
    free: int = 0


NO_LIMITS = Limits()


class Pruned(NamedTuple):
    """What went, and the bytes that became free: of a layer that an image has, none."""

    removed: tuple[Cached, ...]
    bytes: int


def cached(database: Database, paths: Paths) -> list[Cached]:
    """All results and cache mounts, the one used last first."""
    found = [*_results(database), *(_of_mount(paths, cache) for cache in caches.measured(database, paths))]
    return sorted(found, key=lambda entry: (-entry.used_at, entry.keys))


def _of_mount(paths: Paths, cache: caches.CacheMount) -> Cached:
    return Cached(
        keys=(cache.id,),
        parents=(),
        snapshot_id="",
        size=cache.size,
        created_at=cache.created_at,
        used_at=cache.used_at,
        is_shared=False,
        uses=cache.uses,
        is_mount=True,
        is_used=caches.is_used(paths, cache.id),
        description=cache.description,
    )


def _results(database: Database) -> list[Cached]:
    """A layer that is found under several keys stands there once."""
    rows = database.rows(
        """
        SELECT snapshot_id, coalesce(size, 0), min(build_step.created_at), max(used_at),
            group_concat(key, ' '), group_concat(parent_key, ' '),
            snapshot_id IN (SELECT snapshot_id FROM image_layer)
                OR snapshot_id IN (SELECT json_each.value FROM container, json_each(container.layers)),
            max(uses)
        FROM build_step JOIN snapshot ON snapshot.id = snapshot_id
        GROUP BY snapshot_id ORDER BY max(used_at) DESC, snapshot_id
        """
    )
    return [
        Cached(
            keys=tuple(sorted(str(row[4]).split())),
            parents=tuple(sorted(set(str(row[5]).split()))),
            snapshot_id=str(row[0]),
            size=int(row[1] or 0),
            created_at=int(row[2] or 0),
            used_at=int(row[3] or 0),
            is_shared=bool(row[6]),
            uses=int(row[7] or 0),
        )
        for row in rows
    ]


def prune(
    database: Database,
    paths: Paths,
    *,
    all_unused: bool = False,
    filters: Filters = NO_FILTERS,
    limits: Limits = NO_LIMITS,
    dry_run: bool = False,
) -> Pruned:
    """Forget results of steps and cache mounts, and remove the layers that nothing else has.

    A cache mount that a build has at the moment stays. Without `all_unused` those stay that an image or a container has
    too. With `dry_run` it is only said what would go. Raises InvalidArgument for a filter that is unknown or malformed.
    """
    excess = _excess(paths, limits)
    caches.measured(database, paths)  # before the store is locked: folders are walked
    with Locks() as locks:
        if dry_run:
            with database.rehearsal():
                removed = forget(database, paths, locks, all_unused=all_unused, filters=filters, excess=excess)
                freed = sum(size for _, size in gc.forget(database))
            return Pruned(removed, freed + mount_bytes(removed))
        with database.transaction():
            removed = forget(database, paths, locks, all_unused=all_unused, filters=filters, excess=excess)
            gone = gc.forget(database)
        fault.point("cache.forgotten")
        for entry in removed:
            if entry.is_mount:
                caches.remove(database, paths, entry.keys[0])
    freed = gc.remove(database, paths, gone).bytes + mount_bytes(removed)
    with database.transaction(durable=False):
        events.record(database, "builder", "prune", "", {"reclaimed": str(freed)})
    return Pruned(removed, freed)


def mount_bytes(entries: Sequence[Cached]) -> int:
    """Bytes of the cache mounts among them; those of steps are counted by their layers."""
    return sum(entry.size for entry in entries if entry.is_mount)


class Locks:
    """Locks of cache mounts that are going: until the commit is done and the folders are gone nobody may have one."""

    def __init__(self) -> None:
        self._held: list[tuple[str, int]] = []
        self._paths: Paths | None = None

    def take(self, paths: Paths, cache_id: str) -> bool:
        """Whether nobody has the cache; then nobody gets it."""
        fd = caches.try_lock(paths, cache_id, shared=False)
        if fd is not None:
            self._paths = paths
            self._held.append((cache_id, fd))
        return fd is not None

    def __enter__(self) -> "Locks":
        return self

    def __exit__(self, *exception: object) -> None:
        for cache_id, fd in self._held:
            assert self._paths is not None
            caches.unlock(self._paths, cache_id, fd)


def forget(
    database: Database,
    paths: Paths,
    locks: Locks,
    *,
    all_unused: bool,
    filters: Filters = NO_FILTERS,
    excess: Callable[[list[Cached]], int] = lambda entries: -1,
) -> tuple[Cached, ...]:
    """The deciding half of prune(): delete the rows of those results and cache mounts, in the caller's transaction;
    `locks` hold the mounts until they are gone.

    `excess` tells of all results how many bytes are to go, -1 for all.
    """
    entries = cached(database, paths)
    chosen = choose(entries, all_unused=all_unused, filters=filters, excess=excess(entries), now=time.time())
    removed = [entry for entry in chosen if not entry.is_mount or locks.take(paths, entry.keys[0])]
    for entry in removed:
        if entry.is_mount:
            caches.forget(database, entry.keys[0])
            continue
        for key in entry.keys:
            database.execute("DELETE FROM build_step WHERE key = ?", (key,))
            database.execute("INSERT OR REPLACE INTO pruned_step VALUES(?, ?)", (key, time.time_ns()))
    database.execute(
        "DELETE FROM pruned_step WHERE key NOT IN (SELECT key FROM pruned_step ORDER BY pruned_at DESC LIMIT ?)",
        (_REMEMBERED,),
    )
    return tuple(removed)


def listed(entries: Sequence[Cached], filters: Filters) -> list[Cached]:
    """Those of `entries` that pass the filters, in use or not. Raises InvalidArgument as prune()."""
    _check(filters)
    return [entry for entry in entries if _passes(entry, filters)]


def choose(
    entries: Sequence[Cached], *, all_unused: bool, filters: Filters, excess: int = -1, now: float = 0
) -> list[Cached]:
    """Those of `entries`, the one used last first, that a prune takes; as forget()."""
    _check(filters)
    chosen = [
        entry
        for entry in entries
        if (all_unused or not entry.is_shared) and not entry.is_used and _passes(entry, filters)
    ]
    if excess < 0:
        return chosen
    taken: list[Cached] = []
    for entry in reversed(chosen):
        if excess <= 0:
            break
        taken.append(entry)
        excess -= entry.size
    return taken


def _check(filters: Filters) -> None:
    for name in filters:
        if name not in _KNOWN:
            raise InvalidArgument(
                f"failed to prune build cache: invalid filter '{name}'", hint="filters are " + ", ".join(_KNOWN)
            )
    for text in (*filters.get("until", ()), *filters.get("unused-for", ())):
        _moment(text)


def _passes(entry: Cached, filters: Filters) -> bool:
    tests: Mapping[str, Callable[[str], bool]] = {
        "description": lambda value: value == entry.description,
        "id": lambda value: any(key.removeprefix("sha256:").startswith(value) for key in entry.keys if value),
        "inuse": lambda value: _truth("inuse", value) == entry.is_used,
        # As in BuildKit, whose results have none: it is there for `system prune --filter label=...`.
        "label": lambda value: False,
        "parent": lambda value: any(key.removeprefix("sha256:").startswith(value) for key in entry.parents if value),
        "private": lambda value: _truth("private", value) != entry.is_shared,
        "shared": lambda value: _truth("shared", value) == entry.is_shared,
        "type": lambda value: value == entry.kind,
        "until": lambda value: entry.used_at < _moment(value),
        "unused-for": lambda value: entry.used_at < _moment(value),
    }
    return all(any(tests[name](value) for value in values) for name, values in filters.items())


def _truth(name: str, value: str) -> bool:
    return selection.boolean(name, (value,))


def _moment(value: str) -> int:
    """ns since the epoch. Raises InvalidArgument."""
    try:
        return int(selection.until(value).timestamp() * 10**9)
    except InvalidArgument as error:
        raise InvalidArgument(
            "failed to prune build cache: \"until\" filter expects a duration (e.g., '24h') or a timestamp: failed to"
            f' parse value as time or duration: "{value}"',
            hint=error.hint,
        ) from error


def _excess(paths: Paths, limits: Limits) -> Callable[[list[Cached]], int]:
    """How many bytes of the cache are too many."""
    if limits == NO_LIMITS:
        return lambda entries: -1
    disk = os.statvfs(paths.root)
    wanted = max(limits.free - disk.f_bavail * disk.f_frsize, 0)

    def excess(entries: list[Cached]) -> int:
        total = sum(entry.size for entry in entries)
        over = total - limits.used if limits.used else 0
        if not limits.used and not limits.free:
            over = total - limits.kept
        return max(min(max(over, wanted), total - limits.kept), 0)

    return excess
