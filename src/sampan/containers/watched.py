"""What a supervisor is needed for. The one place that decides it: who starts one and who ends asks here."""

from sampan.containers.model import Container
from sampan.storage.database import Database

_ANY = """
    SELECT 1 FROM health_due
    UNION ALL SELECT 1 FROM container WHERE status = 'restarting'
    UNION ALL SELECT 1 FROM log_rotation r JOIN container c ON c.id = r.container_id
        WHERE c.status IN ('running', 'paused')
    UNION ALL SELECT 1 FROM endpoint e JOIN network n ON n.id = e.network_id JOIN container c ON c.id = e.container_id
        WHERE n.name != 'bridge' AND c.status IN ('running', 'paused')
    LIMIT 1
"""


def is_any(database: Database) -> bool:
    """Whether something of a root is to be watched: health checks, restarts, logs that are rotated, names.

    One query for what runs. A container whose end was recorded by nobody but a repair is not seen by it: see
    `restarting.is_any`.
    """
    return database.row(_ANY) is not None


def is_rotated(container: Container) -> bool:
    """Whether somebody has to put its full log files aside while it runs."""
    options = container.spec.options
    if options.log_driver == "json-file" and "max-size" not in options.log_options:
        return False
    if options.log_driver not in ("json-file", "local"):
        return False
    from sampan.containers.logs import drivers as logdrivers

    return logdrivers.files(options).is_rotated


def is_watched(container: Container) -> bool:
    """Whether a container that has been started wants a supervisor, its names apart."""
    return container.health is not None or is_rotated(container)
