"""Volumes that no container has go away: `docker volume prune`."""

import json
from collections.abc import Callable, Mapping

from sampan.linux import fault
from sampan.storage import events
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import store

Accept = Callable[[Mapping[str, str]], bool]


def unused(database: Database, *, include_named: bool, accept: Accept) -> list[str]:
    """Names of the volumes that no container has.

    Only anonymous ones unless `include_named`, and of them those whose labels `accept` takes. As in Docker, never one
    with options: its content lies elsewhere, and what is to be mounted would be forgotten.
    """
    return [
        str(name)
        for name, labels, anonymous in database.rows(
            "SELECT name, labels, anonymous FROM volume WHERE (? OR anonymous = 1) AND options = '{}'"
            " AND NOT EXISTS(SELECT 1 FROM volume_use WHERE volume = volume.name) ORDER BY name",
            (int(include_named),),
        )
        if accept({**json.loads(str(labels)), **({store.ANONYMOUS_LABEL: ""} if anonymous else {})})
    ]


def prune(
    database: Database,
    paths: Paths,
    *,
    include_named: bool = False,
    accept: Accept = lambda labels: True,
    dry_run: bool = False,
) -> list[tuple[str, int]]:
    """Remove volumes that no container has: [(name, bytes)]. With `dry_run` nothing is removed.

    They are measured before they are decided on, so that nobody waits for the database meanwhile.
    """
    candidates = unused(database, include_named=include_named, accept=accept)
    sizes = {name: store.size(paths, name) for name in candidates}
    if dry_run:
        return list(sizes.items())
    fault.point("volume.measured")
    with database.transaction():
        # One that came up since is left for the next prune: what it holds is not known.
        still = unused(database, include_named=include_named, accept=accept)
        removed = [name for name in still if name in sizes]
        for name in removed:
            store.forget(database, name)
        freed = sum(sizes[name] for name in removed)
        events.record(database, "volume", "prune", "", {"reclaimed": str(freed)})
    store.remove_folders(database, paths, removed)
    return [(name, sizes[name]) for name in removed]
