"""The reference of the commands names every flag, because it is made from the flags."""

import runpy
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_the_reference_page_is_up_to_date() -> None:
    page = runpy.run_path(str(TOP / "scripts/reference"))["page"]()
    assert (TOP / "docs/commands.md").read_text() == page, "run: make docs"
