"""Containers in the database: the only SQL on their table."""

import json
import re
import sqlite3

from sampan.containers.model import Container, spec_from_json, spec_to_json
from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.storage.database import Database, Row, Value

_COLUMNS = (
    "id, name, image_id, layers, spec, created_at, status, pid, pid_start, monitor_pid, monitor_start, boot_id,"
    " started_at, finished_at, exit_code, oom_killed, error, restart_count, stopped_by_user, health"
)
_NAME = r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+"


def check_name(name: str) -> str:
    """The name without its slash. Raises InvalidArgument in Docker's words."""
    if not re.fullmatch(_NAME, name):
        raise InvalidArgument(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return name.removeprefix("/")


def _container(row: Row) -> Container:
    def number(index: int) -> int:
        return int(row[index] or 0)

    return Container(
        id=str(row[0]),
        name=str(row[1]),
        image_id=str(row[2]),
        layers=tuple(json.loads(str(row[3]))),
        spec=spec_from_json(str(row[4])),
        created_at=number(5),
        status=str(row[6]),
        pid=number(7),
        pid_start=number(8),
        monitor_pid=number(9),
        monitor_start=number(10),
        boot_id=str(row[11]),
        started_at=number(12),
        finished_at=number(13),
        exit_code=number(14),
        oom_killed=bool(row[15]),
        error=str(row[16]),
        restart_count=number(17),
        stopped_by_user=number(18),
        health=json.loads(str(row[19])) if row[19] else None,
    )


def insert(database: Database, container: Container) -> None:
    """Add a row, in the caller's transaction. Raises Conflict when the name is taken."""
    try:
        database.execute(
            "INSERT INTO container(id, name, image_id, layers, spec, created_at, status, health)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (
                container.id,
                container.name,
                container.image_id,
                json.dumps(container.layers),
                spec_to_json(container.spec),
                container.created_at,
                container.status,
                json.dumps(container.health) if container.health else "",
            ),
        )
    except sqlite3.IntegrityError as error:
        holder = database.row("SELECT id FROM container WHERE name = ?", (container.name,))
        raise Conflict(
            f'Conflict. The container name "/{container.name}" is already in use by container'
            f' "{str(holder[0]) if holder else ""}". You have to remove (or rename) that container to be able to'
            " reuse that name.",
            hint=f"sampan rm -f {container.name}",
        ) from error


def update(database: Database, container_id: str, **columns: Value) -> None:
    """Change columns of one row, in the caller's transaction; names of columns are given by our own code only."""
    names = ", ".join(f"{name} = ?" for name in columns)
    database.execute(f"UPDATE container SET {names} WHERE id = ?", (*columns.values(), container_id))


def delete(database: Database, container_id: str) -> None:
    """Take a row away, in the caller's transaction."""
    database.execute("DELETE FROM container WHERE id = ?", (container_id,))


def get(database: Database, container_id: str) -> Container | None:
    """The container with exactly this id."""
    row = database.row(f"SELECT {_COLUMNS} FROM container WHERE id = ?", (container_id,))
    return _container(row) if row is not None else None


def find(database: Database, text: str) -> Container:
    """By full id, name, or the beginning of an id. Raises NotFound, or Conflict where two ids begin so."""
    name = text.removeprefix("/")
    row = database.row(
        f"SELECT {_COLUMNS} FROM container WHERE id = ? OR name = ? ORDER BY id = ? DESC", (text, name, text)
    )
    if row is not None:
        return _container(row)
    if re.fullmatch(r"[0-9a-f]{1,64}", text):
        rows = database.rows(f"SELECT {_COLUMNS} FROM container WHERE id GLOB ? LIMIT 2", (text + "*",))
        if len(rows) == 1:
            return _container(rows[0])
        if rows:
            raise Conflict(f"multiple IDs found with provided prefix: {text}")
    raise NotFound(f"No such container: {text}")


def all_containers(database: Database) -> list[Container]:
    """Every container, newest first."""
    rows = database.rows(f"SELECT {_COLUMNS} FROM container ORDER BY created_at DESC, id")
    return [_container(row) for row in rows]


def live(database: Database) -> list[tuple[str, str, int, int, str]]:
    """(id, status, monitor pid, its start time, boot id) of those that should be alive: what a cheap check looks at."""
    rows = database.rows(
        "SELECT id, status, monitor_pid, monitor_start, boot_id FROM container"
        " WHERE status IN ('running', 'paused', 'restarting', 'removing')"
    )
    return [(str(r[0]), str(r[1]), int(r[2] or 0), int(r[3] or 0), str(r[4])) for r in rows]


def names(database: Database) -> frozenset[str]:
    return frozenset(str(row[0]) for row in database.rows("SELECT name FROM container"))
