"""Events of images, with the attributes that Docker gives them: the image's labels, and a name."""

import json

from sampan.oci.reference import Reference
from sampan.storage import events
from sampan.storage.database import Database


def record(database: Database, image_id: str, action: str, name: str = "") -> None:
    """Add an event in the caller's transaction; `name` is the image's ID where none is given.

    An image whose row is gone is told of without its labels, as Docker does it.
    """
    row = database.row("SELECT config FROM image WHERE id = ?", (image_id,))
    config = json.loads(str(row[0])).get("config") if row is not None else None
    labels = (config or {}).get("Labels") or {}
    events.record(database, "image", action, image_id, {**labels, "name": name or image_id})


def record_moved(database: Database, image_id: str, action: str, name: Reference) -> None:
    """Tell of a pull or a push: the actor is the reference, its name the repository."""
    row = database.row("SELECT config FROM image WHERE id = ?", (image_id,))
    config = json.loads(str(row[0])).get("config") if row is not None else None
    labels = (config or {}).get("Labels") or {}
    events.record(database, "image", action, name.familiar(), {**labels, "name": name.repository_familiar})


def pruned(database: Database, freed: int) -> None:
    """Tell of a prune that freed so many bytes."""
    with database.transaction(durable=False):
        events.record(database, "image", "prune", "", {"reclaimed": str(freed)})
