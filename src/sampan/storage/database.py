"""One SQLite database per root: WAL, synchronous=FULL, any number of processes at once.

Rooms keep their SQL in a `store.py` of their own and reach the database through `Database` only.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sampan.errors import Corrupt, SampanError, Unavailable, Unsupported
from sampan.storage import reserve
from sampan.storage.schema import MIGRATIONS

BUSY_TIMEOUT_SECONDS = 60.0
_FREE = "free some space: sampan rm, sampan image prune, sampan volume prune"
Value = str | int | float | bytes | None
Row = tuple[Value, ...]


class _Undone(Exception):
    """Ends a rehearsal."""


class Database:
    """A connection that any thread of this process may use; calls are serialised.

    Every write stands in a `transaction()`, which takes the write lock at once (BEGIN IMMEDIATE), so that what was read
    inside it still holds when it commits.
    """

    def __init__(self, path: str) -> None:
        """Open `path`, making or migrating it as needed.

        Raises Unsupported for the store of a newer sampan, Corrupt for a file that is no database, Unavailable when
        the disk is full.
        """
        self._lock = threading.RLock()
        self._root = os.path.dirname(path)
        reserve.keep(self._root)
        try:
            self._open(path)
        except sqlite3.OperationalError as error:
            raise _explained(error) from error
        except sqlite3.DatabaseError as error:
            raise Corrupt(
                f"{path} cannot be read: {error}", hint="restore it from a backup, or move it away"
            ) from error

    def _open(self, path: str) -> None:
        fresh = not os.path.exists(path)
        if fresh:  # before SQLite makes it with the umask's mode: options of containers hold secrets
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        if fresh:
            self._connection.execute("PRAGMA journal_mode=WAL")
        self._durable = True
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._migrate(path)

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self, path: str) -> None:
        version = self._version()
        if version > len(MIGRATIONS):
            raise Unsupported(
                f"the store at {os.path.dirname(path)} was written by a newer sampan (schema {version}, this one knows"
                f" {len(MIGRATIONS)})",
                hint="use that sampan, or another --root",
            )
        if version == len(MIGRATIONS):
            return
        with self.transaction():
            for number in range(self._version(), len(MIGRATIONS)):
                for statement in _statements(MIGRATIONS[number]):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version={number + 1}")

    def require_room(self) -> None:
        """To be called before anything is made. Raises Unavailable when the disk is all but full: then only what frees
        space is allowed."""
        if not reserve.keep(self._root):
            raise Unavailable(f"write {self._root}: no space left on device", hint=_FREE)

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """One atomic change; nested uses join the outer one.

        A change that is not `durable` survives a kill of every process but may be undone by a power cut; it costs no
        fsync. That is right for what a power cut undoes anyway: that a container runs, its addresses, its ports.
        Raises Unavailable when the disk is full or the lock stays taken.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            reserve.keep(self._root)
            if durable != self._durable:
                self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise _explained(error) from error
                raise

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Changes that are undone at the end: to learn what they would do. Not inside a transaction."""
        assert not self._connection.in_transaction
        try:
            with self.transaction(durable=False):
                yield
                raise _Undone
        except _Undone:
            pass

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run one statement that changes rows and return how many it changed. Raises sqlite3.IntegrityError."""
        with self._lock:
            try:
                return self._connection.execute(sql, values).rowcount
            except sqlite3.OperationalError as error:
                raise _explained(error) from error

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """All rows of a query."""
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError as error:
                raise _explained(error) from error

    def row(self, sql: str, values: Sequence[Value] = ()) -> Row | None:
        """The first row of a query, or None."""
        with self._lock:
            try:
                found: Row | None = self._connection.execute(sql, values).fetchone()
            except sqlite3.OperationalError as error:
                raise _explained(error) from error
            return found

    def close(self) -> None:
        """Close it once what other threads are asking is answered: SQLite does not survive the loss of a connection in
        use. Who asks afterwards gets sqlite3.ProgrammingError."""
        with self._lock:
            self._connection.close()


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _explained(error: sqlite3.OperationalError) -> SampanError:
    text = str(error)
    if "full" in text or "disk I/O" in text:
        reason = "no space left on device" if "full" in text else text
        return Unavailable(f"the store's database cannot be written: {reason}", hint=_FREE)
    if "locked" in text:
        return Unavailable(f"the store's database stayed locked for {BUSY_TIMEOUT_SECONDS:.0f} s by another process")
    return SampanError(f"the store's database failed: {text}")
