"""A database that is closed while others ask it."""

import sqlite3
import threading
from pathlib import Path

from sampan.storage.database import Database


def test_closing_waits_for_what_is_being_asked(tmp_path: Path) -> None:
    for number in range(30):
        database = Database(str(tmp_path / f"{number}.db"))
        begun, ends = threading.Event(), []

        def ask(database: Database = database, begun: threading.Event = begun, ends: list[str] = ends) -> None:
            try:
                while True:
                    database.rows("SELECT * FROM sqlite_master, sqlite_master AS other")
                    begun.set()
            except sqlite3.ProgrammingError as error:
                ends.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        begun.wait()
        database.close()
        thread.join()
        assert ends == ["Cannot operate on a closed database."]
