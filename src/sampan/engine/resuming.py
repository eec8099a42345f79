"""`system resume`: what docker's daemon does when it starts. Containers whose policy wants it run again."""

from collections.abc import Mapping

from sampan.containers import restart, start, store, wake, watched
from sampan.containers.model import Container
from sampan.errors import SampanError
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple


class Resumed(NamedTuple):
    """`started` are names, `failed` says for each name why it could not be started."""

    started: tuple[str, ...]
    failed: Mapping[str, SampanError]


def resume(database: Database, paths: Paths) -> Resumed:
    """Start every container that is to run after a boot, the oldest first.

    One may need another, whose network it shares: who fails is tried once more when all others run.
    """
    waiting = [found for found in reversed(store.all_containers(database)) if restart.is_resumed(found)]
    started, failed = _start(database, paths, waiting)
    if failed and started:
        again, failed = _start(database, paths, [found for found in waiting if found.name in failed])
        started += again
    return Resumed(tuple(started), failed)


def _start(database: Database, paths: Paths, containers: list[Container]) -> tuple[list[str], dict[str, SampanError]]:
    started, failed = [], {}
    for container in containers:
        hooks = start.Hooks(exit_command=wake.exit_command(paths, container.id, is_attended=False))
        try:
            start.start(database, paths, container.id, hooks)
        except SampanError as error:
            failed[container.name] = error
            continue
        started.append(container.name)
        if watched.is_watched(container):
            wake.start_supervisor(paths)
    return started, failed
