"""Events of containers, with the attributes that every one of them has."""

from sampan.containers.model import Container
from sampan.storage import events
from sampan.storage.database import Database


def record(database: Database, container: Container, action: str, **attributes: str) -> None:
    """Add an event in the caller's transaction: labels, image and name of the container, and `attributes`."""
    spec = container.spec
    known = {**spec.config.labels, **attributes, "image": spec.options.image, "name": container.name}
    events.record(database, "container", action, container.id, known)
