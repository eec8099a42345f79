"""What happened to objects, as rows: `record` inside the transaction that makes it happen, so that neither is without
the other.

Nobody is told: who follows watches the database's write-ahead log and reads the rows after the last one it knows.
"""

import json
import time
from collections.abc import Mapping

from sampan.storage.database import Database, Row
from sampan.values import NamedTuple

KEPT = 8192  # rows; older ones are dropped now and then
_EVERY = 256


class Event(NamedTuple):
    """One row. `id` grows from one event to the next, `time` is in ns since the epoch.

    `type` and `action` are Docker's words (container and "exec_start: sh"); `actor` is the id of what it happened to,
    a volume's name, "" after a prune.
    """

    id: int
    time: int
    type: str
    action: str
    actor: str
    attributes: Mapping[str, str]


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


def last_id(database: Database) -> int:
    """The cursor after everything that has happened so far."""
    row = database.row("SELECT max(id) FROM event")
    return int(row[0] or 0) if row else 0


def after(database: Database, cursor: int, *, most: int = 1000) -> list[Event]:
    """The events that followed the one with the id `cursor`, in order; at most so many."""
    rows = database.rows(
        "SELECT id, time, type, action, actor, attributes FROM event WHERE id > ? ORDER BY id LIMIT ?", (cursor, most)
    )
    return [_event(row) for row in rows]


def _event(row: Row) -> Event:
    return Event(int(row[0] or 0), int(row[1] or 0), str(row[2]), str(row[3]), str(row[4]), json.loads(str(row[5])))
