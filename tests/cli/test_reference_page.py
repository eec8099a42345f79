"""Pages that are made from tables: every flag of a command is in its reference, every rule has its page."""

import runpy
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_the_generated_pages_are_up_to_date() -> None:
    pages = runpy.run_path(str(TOP / "scripts/reference"))["pages"]()
    stale = [path for path, text in pages.items() if not Path(path).exists() or Path(path).read_text() != text]
    assert stale == [], "run: make docs"
