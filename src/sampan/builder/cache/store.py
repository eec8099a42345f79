"""Results of steps in the database: found by key, compared by place, recorded with the snapshot that they made."""

import time
from typing import NamedTuple

from sampan.builder.cache import key as cachekey
from sampan.builder.cache.key import StepInputs
from sampan.storage import snapshots
from sampan.storage.database import Database

_COMPARED = 64


class Result(NamedTuple):
    """What a step made. `created_ns` is when, since the epoch; `diff_id` is "" while it is being computed."""

    key: str
    snapshot_id: str
    diff_id: str
    created_ns: int


def find(database: Database, key: str) -> Result | None:
    """The stored result with that key."""
    row = database.row(
        "SELECT snapshot_id, diff_id, build_step.created_at FROM build_step"
        " JOIN snapshot ON snapshot.id = snapshot_id WHERE key = ?",
        (key,),
    )
    return None if row is None or not row[1] else Result(key, str(row[0]), str(row[1]), int(row[2] or 0))


def candidates(database: Database, place: str) -> list[tuple[str, StepInputs]]:
    """(key, what the step was made from, without its files) of earlier steps of that place, the one used last first."""
    rows = database.rows(
        "SELECT key, substr(inputs, 1, instr(inputs, char(10))) FROM build_step WHERE position = ?"
        " ORDER BY used_at DESC, created_at DESC LIMIT ?",
        (place, _COMPARED),
    )
    return [(str(row[0]), cachekey.from_text(str(row[1]))) for row in rows]


def inputs_of(database: Database, key: str) -> StepInputs | None:
    """All that the step with that key was made from."""
    row = database.row("SELECT inputs FROM build_step WHERE key = ?", (key,))
    return None if row is None else cachekey.from_text(str(row[0]))


def pruned_ns(database: Database, key: str) -> int:
    """When a prune took the result with that key, in ns since the epoch; 0 when none is known to have."""
    row = database.row("SELECT pruned_at FROM pruned_step WHERE key = ?", (key,))
    return 0 if row is None else int(row[0] or 0)


def record(
    database: Database, keys: tuple[str, ...], place: str, inputs: StepInputs, result: Result, size: int
) -> None:
    """Enter a result with its snapshot, under each of `keys`, in one transaction."""
    with database.transaction():
        snapshots.record(database, result.snapshot_id, diff_id=result.diff_id, size=size)
        for key in keys:
            add_key(database, key, place, inputs, result)


def add_key(database: Database, key: str, place: str, inputs: StepInputs, result: Result) -> None:
    """Let a result that is recorded be found under another key too."""
    with database.transaction():
        database.execute(
            "INSERT OR REPLACE INTO build_step(key, parent_key, position, inputs, snapshot_id, created_at, used_at)"
            " VALUES(?, ?, ?, ?, ?, ?, ?)",
            (
                key,
                inputs.parent,
                place,
                cachekey.to_text(inputs),
                result.snapshot_id,
                result.created_ns,
                time.time_ns(),
            ),
        )


def mark_used(database: Database, keys: tuple[str, ...]) -> None:
    """Note that results were of use: prune takes those first that were not for the longest time."""
    with database.transaction():
        now = time.time_ns()
        for key in keys:
            database.execute("UPDATE build_step SET used_at = ?, uses = uses + 1 WHERE key = ?", (now, key))
