"""Events of images, with the attributes that Docker gives them: the image's labels, and a name."""

import json

from sampan.oci.reference import Reference
from sampan.storage import events
from sampan.storage.database import Database


def record(database: Database, image_id: str, action: str, name: str = "") -> None:
    """Add an event in the caller's transaction; `name` is the image's ID where none is given.

    An image whose row is gone is told of without its labels, as Docker does it.
    """
    events.record(database, "image", action, image_id, {**_labels(database, image_id), "name": name or image_id})


def record_moved(database: Database, image_id: str, action: str, name: Reference) -> None:
    """Tell of a pull or a push: the actor is the reference, its name the repository."""
    attributes = {**_labels(database, image_id), "name": name.repository_familiar}
    events.record(database, "image", action, name.familiar(), attributes)


def pruned(database: Database, freed: int) -> None:
    """Tell of a prune that freed so many bytes."""
    with database.transaction(durable=False):
        events.record(database, "image", "prune", "", {"reclaimed": str(freed)})


def _labels(database: Database, image_id: str) -> dict[str, str]:
    row = database.row("SELECT config FROM image WHERE id = ?", (image_id,))
    config = json.loads(str(row[0])).get("config") if row is not None else None
    return (config or {}).get("Labels") or {}
