"""Reports of the last builds, kept in the database: for whoever asks afterwards why a build took so long."""

from sampan.builder.report import BuildReport, from_text, to_text
from sampan.storage.database import Database

_KEPT = 50


def record(database: Database, place: str, report: BuildReport) -> None:
    """Keep a report, and the last ones before it. Joins the caller's transaction."""
    database.execute(
        "INSERT INTO build_report(place, began_at, report) VALUES(?, ?, ?)", (place, report.began_ns, to_text(report))
    )
    database.execute("DELETE FROM build_report WHERE id <= (SELECT max(id) FROM build_report) - ?", (_KEPT,))


def last(database: Database, place: str = "") -> BuildReport | None:
    """The report of the last build of that place, or of any; None when there is none."""
    row = database.row(
        "SELECT report FROM build_report WHERE place = ? OR ? = '' ORDER BY id DESC LIMIT 1", (place, place)
    )
    return None if row is None else from_text(str(row[0]))
