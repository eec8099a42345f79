"""What the pages lead to is there."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGES = [*sorted(TOP.glob("*.md")), *sorted((TOP / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_to_other_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_of_the_guide_is_named_in_the_readme() -> None:
    text = (TOP / "README.md").read_text()
    guide = sorted(path.name for path in (TOP / "docs/guide").glob("*.md"))
    assert [name for name in guide if f"docs/guide/{name}" not in text] == []
