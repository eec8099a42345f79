"""What rules of bad practice found in a Dockerfile, as buildx prints it: text and JSON."""

import json
from typing import Any

from sampan.builder.failures import BuildFailed
from sampan.builder.solver import Examined
from sampan.cli.views.outline import encoded, location
from sampan.dockerfile.errors import excerpt, visible
from sampan.lint import catalog

_PAGES = "https://docs.docker.com/go/dockerfile/rule"


def text(examined: Examined, path: str) -> str:
    """A paragraph a finding, with the lines that it is about; `path` is what the Dockerfile is called."""
    count = len(examined.findings)
    if not count:
        return "" if examined.failure is not None else "Check complete, no warnings found.\n"
    slugs = {rule.id: rule.slug for rule in catalog.rules()}
    many = f"{count} warnings have been" if count > 1 else "1 warning has been"
    parts = [f"Check complete, {many} found!\n"]
    parts += [
        f"\nWARNING: {one.rule} - {_PAGES}/{slugs[one.rule]}/\n{visible(one.message)}\n"
        f"{excerpt(examined.source.text, path, one.first, one.last)}\n"
        for one in examined.findings
    ]
    return "".join(parts)


def failure_text(failure: BuildFailed, path: str) -> str:
    """Why a Dockerfile cannot be built, with the lines."""
    place = failure.excerpt
    lines = f"\n{excerpt(place.text, path, place.first, place.last)}\n" if place is not None else ""
    return f"ERROR: {visible(failure.message)}{lines}"


def document(examined: Examined) -> str:
    """As JSON."""
    by_id = {rule.id: rule for rule in catalog.rules()}
    warnings = [
        {
            "ruleName": one.rule,
            "description": by_id[one.rule].summary,
            "url": f"{_PAGES}/{by_id[one.rule].slug}/",
            "detail": one.message,
            "location": location(one.first, one.last),
        }
        for one in examined.findings
    ]
    source = {"filename": examined.source.name, "data": encoded(examined.source.text), "language": "Dockerfile"}
    found: dict[str, Any] = {"warnings": warnings or None, "sources": [source]}
    if examined.failure is not None:
        place = examined.failure.excerpt
        where = location(place.first, place.last) if place is not None else {}
        found["buildError"] = {"message": examined.failure.message, "location": where}
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
