"""Results of build steps go away: `docker builder prune`. A step that is gone is made again by the next build."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sampan.errors import InvalidArgument
from sampan.images import selection
from sampan.linux import fault
from sampan.storage import events, gc
from sampan.storage.database import Database
from sampan.storage.paths import Paths

Filters = Mapping[str, Sequence[str]]
NO_FILTERS: Filters = {}
_REMEMBERED = 10_000  # keys of results that are gone
_KNOWN = ("description", "id", "inuse", "label", "parent", "private", "shared", "type", "until", "unused-for")


class Cached(NamedTuple):
    """The layer of a step, found under each of `keys`; `is_shared` when an image or a container has it too.

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

    @property
    def id(self) -> str:
        """Its short name: 25 digits, as long as BuildKit's."""
        return self.keys[0].removeprefix("sha256:")[:25]


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


def cached(database: Database) -> list[Cached]:
    """All results, the one used last first; a layer that is found under several keys once."""
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
    """Forget results of steps, and remove the layers that nothing else has.

    Without `all_unused` those stay that an image or a container has too. With `dry_run` it is only said what would go.
    Raises InvalidArgument for a filter that is not known or malformed.
    """
    excess = _excess(paths, limits)
    if dry_run:
        with database.rehearsal():
            removed = forget(database, all_unused=all_unused, filters=filters, excess=excess)
            freed = sum(size for _, size in gc.forget(database))
        return Pruned(removed, freed)
    with database.transaction():
        removed = forget(database, all_unused=all_unused, filters=filters, excess=excess)
        gone = gc.forget(database)
    fault.point("cache.forgotten")
    freed = gc.remove(database, paths, gone).bytes
    with database.transaction(durable=False):
        events.record(database, "builder", "prune", "", {"reclaimed": str(freed)})
    return Pruned(removed, freed)


def forget(
    database: Database,
    *,
    all_unused: bool,
    filters: Filters = NO_FILTERS,
    excess: Callable[[list[Cached]], int] = lambda entries: -1,
) -> tuple[Cached, ...]:
    """The deciding half of prune(): delete the rows of those results, in the caller's transaction.

    `excess` tells of all results how many bytes are to go, -1 for all.
    """
    entries = cached(database)
    removed = choose(entries, all_unused=all_unused, filters=filters, excess=excess(entries), now=time.time())
    for entry in removed:
        for key in entry.keys:
            database.execute("DELETE FROM build_step WHERE key = ?", (key,))
            database.execute("INSERT OR REPLACE INTO pruned_step VALUES(?, ?)", (key, time.time_ns()))
    database.execute(
        "DELETE FROM pruned_step WHERE key NOT IN (SELECT key FROM pruned_step ORDER BY pruned_at DESC LIMIT ?)",
        (_REMEMBERED,),
    )
    return tuple(removed)


def choose(
    entries: Sequence[Cached], *, all_unused: bool, filters: Filters, excess: int = -1, now: float = 0
) -> list[Cached]:
    """Those of `entries`, the one used last first, that a prune takes; as forget()."""
    for name in filters:
        if name not in _KNOWN:
            raise InvalidArgument(
                f"failed to prune build cache: invalid filter '{name}'", hint="filters are " + ", ".join(_KNOWN)
            )
    for text in (*filters.get("until", ()), *filters.get("unused-for", ())):
        _moment(text)
    chosen = [entry for entry in entries if (all_unused or not entry.is_shared) and _passes(entry, filters)]
    if excess < 0:
        return chosen
    taken: list[Cached] = []
    for entry in reversed(chosen):
        if excess <= 0:
            break
        taken.append(entry)
        excess -= entry.size
    return taken


def _passes(entry: Cached, filters: Filters) -> bool:
    tests: Mapping[str, Callable[[str], bool]] = {
        "description": lambda value: False,
        "id": lambda value: any(key.removeprefix("sha256:").startswith(value) for key in entry.keys if value),
        "inuse": lambda value: not _truth("inuse", value),
        # As in BuildKit, whose results have none: it is there for `system prune --filter label=...`.
        "label": lambda value: False,
        "parent": lambda value: any(key.removeprefix("sha256:").startswith(value) for key in entry.parents if value),
        "private": lambda value: _truth("private", value) != entry.is_shared,
        "shared": lambda value: _truth("shared", value) == entry.is_shared,
        "type": lambda value: value == "regular",
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
