"""`logs`, wherever the container's driver has put them."""

from collections.abc import Callable, Iterator

from sampan.containers import ending, store
from sampan.containers.logs import attributes as logattributes
from sampan.containers.logs import blocks as logblocks
from sampan.containers.logs import journal
from sampan.containers.logs import shown as logs
from sampan.containers.logs.line import LogLine
from sampan.containers.model import Container
from sampan.containers.options import LogOptions
from sampan.errors import Unsupported
from sampan.linux import process
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def lines(database: Database, paths: Paths, container: Container, options: LogOptions) -> Iterator[LogLine]:
    """The lines of a log. Raises Unsupported for a driver that keeps none."""
    return logs.lines(_blocks(database, paths, container, options))


def text(database: Database, paths: Paths, container: Container, options: LogOptions) -> Iterator[tuple[str, bytes]]:
    """The log as it is shown; see `logs.Shown`."""
    details = logattributes.details(container) if options.details else None
    return logs.Shown(options.timestamps, details).pieces(_blocks(database, paths, container, options))


def _blocks(database: Database, paths: Paths, container: Container, options: LogOptions) -> Iterator[bytes]:
    driver = container.spec.options.log_driver
    if driver == "none":
        raise Unsupported(
            "configured logging driver does not support reading",
            hint=f"container {container.name} was made with --log-driver none: `sampan attach` shows what it writes",
        )
    is_running = _liveness(database, container.id)
    if driver == "journald":
        return journal.blocks(process.run, container.id, options, is_running)
    return logblocks.blocks(paths.container(container.id), options, is_running)


def _liveness(database: Database, container_id: str) -> Callable[[], bool]:
    def is_running() -> bool:
        found = store.get(database, container_id)
        return found is not None and found.is_running and ending.is_alive(found)

    return is_running
