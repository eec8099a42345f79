"""What happened to objects, as rows: `record` inside the transaction that makes it happen, so that neither is without
the other.

Nobody is told: who follows watches the database's write-ahead log and reads the rows after the last one it knows.
"""

import json
import time
from collections.abc import Mapping

from sampan.storage.database import Database

KEPT = 20000  # rows; older ones are dropped now and then
_EVERY = 512


def record(
    database: Database, kind: str, action: str, actor: str, attributes: Mapping[str, str] | None = None, *, at: int = 0
) -> None:
    """Add an event, in the caller's transaction. `at` in ns since the epoch, 0 = this moment.

    `kind` and `action` are Docker's (container/start, network/connect, ...); secrets do not belong into `attributes`.
    """
    database.execute(
        "INSERT INTO event(time, type, action, actor, attributes) VALUES(?, ?, ?, ?, ?)",
        (at or time.time_ns(), kind, action, actor, json.dumps(dict(attributes or {}), separators=(",", ":"))),
    )
    row = database.row("SELECT last_insert_rowid()")
    number = int(row[0] or 0) if row else 0
    if number % _EVERY == 0:
        database.execute("DELETE FROM event WHERE id <= ?", (number - KEPT,))
