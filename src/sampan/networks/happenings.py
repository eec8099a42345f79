"""Events of networks. A build's RUN is in a network too, but is no container: nothing is told of it."""

from sampan.storage import events
from sampan.storage.database import Database


def record(database: Database, network_id: str, action: str, container_id: str = "") -> None:
    """Add an event in the caller's transaction, of a network that has a row, and of a container in it if given."""
    network = database.row("SELECT name, driver FROM network WHERE id = ?", (network_id,))
    if network is None or (container_id and not _is_container(database, container_id)):
        return
    known = {"name": str(network[0]), "type": str(network[1])}
    if container_id:
        known["container"] = container_id
    events.record(database, "network", action, network_id, known)


def _is_container(database: Database, container_id: str) -> bool:
    return database.row("SELECT 1 FROM container WHERE id = ?", (container_id,)) is not None
