"""Samples of many containers, one after the other."""

from collections.abc import Iterator, Sequence

from sampan.containers import statistics, store
from sampan.containers.model import Container
from sampan.containers.statistics import Sample, Statistics
from sampan.errors import NotFound
from sampan.linux import cancellation
from sampan.storage.database import Database
from sampan.storage.paths import Paths

FIRST_SECONDS = 0.5  # between the two samples that the first answer is made from
INTERVAL_SECONDS = 1.0


def watch(
    database: Database, paths: Paths, references: Sequence[str], *, all_states: bool = False
) -> Iterator[list[Statistics]]:
    """What the containers use, again and again: the named ones in their order, or all that run, newest first.

    The named ones are looked up at once: raises NotFound. One that is removed later is left out; when all named ones
    are, it ends.
    """
    ids = [store.find(database, reference).id for reference in references]
    return _rounds(database, paths, ids, all_states=all_states)


def _rounds(database: Database, paths: Paths, ids: list[str], *, all_states: bool) -> Iterator[list[Statistics]]:
    memory = statistics.host_memory()
    before = _samples(paths, _chosen(database, ids, all_states=all_states))
    wait = FIRST_SECONDS
    while True:
        cancellation.sleep(wait if any(found.taken_ns for _, found in before.values()) else 0)
        after = _samples(paths, _chosen(database, ids, all_states=all_states))
        if ids and not after:
            return
        yield [
            statistics.between(record, before.get(key, (record, Sample()))[1], found, memory)
            for key, (record, found) in after.items()
        ]
        before, wait = after, INTERVAL_SECONDS
        if not any(found.taken_ns for _, found in after.values()):
            cancellation.sleep(INTERVAL_SECONDS)


def _chosen(database: Database, ids: list[str], *, all_states: bool) -> list[Container]:
    if not ids:
        return [record for record in store.all_containers(database) if all_states or record.is_running]
    found = []
    for container_id in ids:
        try:
            found.append(store.find(database, container_id))
        except NotFound:
            continue
    return found


def _samples(paths: Paths, records: list[Container]) -> dict[str, tuple[Container, Sample]]:
    return {record.id: (record, statistics.sample(paths, record)) for record in records}
