"""Targets and outlines of Dockerfiles, as tables and as buildx's JSON."""

import base64
import json
from typing import Any

from sampan.builder.plan.outline import Needed, Outline, Target
from sampan.cli.output import table


def targets_text(targets: tuple[Target, ...]) -> str:
    """TARGET and DESCRIPTION of each stage; the one that is built by default is marked."""
    rows = [(" ".join(filter(None, (one.name, "(default)" * one.is_default))), one.description) for one in targets]
    return table([("TARGET", "DESCRIPTION"), *rows], narrowest=0, gap=1)


def outline_text(outline: Outline) -> str:
    """A target's name, its arguments, secrets and agents; nothing for what it does not have."""
    parts = []
    width = len("DESCRIPTION: ") if outline.description else 0
    head = [f"{'TARGET: ':{width}}{outline.name}"] * bool(outline.name)
    head += [f"DESCRIPTION: {outline.description}"] * bool(outline.description)
    if head:
        parts.append("".join(line + "\n" for line in head))
    if outline.arguments:
        rows = [(one.name, one.value or "", one.description) for one in outline.arguments]
        parts.append(table([("BUILD ARG", "VALUE", "DESCRIPTION"), *rows], narrowest=0))
    for title, needed in (("SECRET", outline.secrets), ("SSH", outline.agents)):
        if needed:
            rows_ = [(one.name, "true" if one.is_required else "") for one in needed]
            parts.append(table([(title, "REQUIRED"), *rows_], narrowest=0))
    return "".join(part + "\n" for part in parts)


def location(first: int, last: int = 0) -> dict[str, Any]:
    """A place in a Dockerfile as buildx writes it; lines count from 1."""
    return {"ranges": [{"start": {"line": first}, "end": {"line": last or first}}]}


def targets_json(targets: tuple[Target, ...], text: str) -> str:
    listed = [
        _without_empty(
            {
                "name": one.name,
                "default": one.is_default,
                "description": one.description,
                "base": one.base,
                "location": location(one.line),
            }
        )
        for one in targets
    ]
    return _document({"targets": listed, "sources": [encoded(text)]})


def outline_json(outline: Outline, text: str) -> str:
    arguments = [
        _without_empty(
            {"name": one.name, "description": one.description, "value": one.value, "location": location(one.line)}
        )
        for one in outline.arguments
    ]
    return _document(
        _without_empty(
            {
                "name": outline.name,
                "description": outline.description,
                "args": arguments,
                "secrets": [_needed(one) for one in outline.secrets],
                "ssh": [_needed(one) for one in outline.agents],
                "sources": [encoded(text)],
            }
        )
    )


def encoded(text: str) -> str:
    """A Dockerfile's text as JSON documents carry it."""
    return base64.b64encode(text.encode()).decode()


def _needed(one: Needed) -> dict[str, Any]:
    return _without_empty({"name": one.name, "required": one.is_required, "location": location(one.line)})


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _document(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
