"""`sampan image diff`."""

import json
from typing import Any

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.cli.output import human_size
from sampan.dockerfile.errors import visible
from sampan.engine.engine import Engine
from sampan.images.comparison import FieldChange, FileChange

COMMAND = Command(
    arguments="[OPTIONS] IMAGE IMAGE",
    summary="Show what differs between two images, in files and configuration",
    examples=(
        Example("What a new release changes", "image diff web:1.0 web:1.1"),
        Example("For a program", "image diff --format json web:1.0 web:1.1"),
    ),
    flags=(Flag("format", STRING, "json, or text (the default)"),),
    takes=(2, 2),
)


def execute(invocation: Invocation) -> int:
    form = invocation.parsed.string("format")
    if form not in ("", "text", "json"):
        raise ClientError(f"--format {form}: write json or text")
    changed, fields = Engine(invocation.settings.root or None).images.diff(*invocation.arguments)
    if form == "json":
        document = {"Files": [_document(change) for change in changed], "Config": [field._asdict() for field in fields]}
        print(json.dumps(document))
    else:
        print(text(changed, fields), end="")
    return 0


def _document(change: FileChange) -> dict[str, Any]:
    return {"Kind": change.kind, "Path": change.path, "Before": change.before, "After": change.after,
            "What": list(change.what)}  # fmt: skip


def text(changed: list[FileChange], fields: list[FieldChange]) -> str:
    """Lines as `docker diff` has them, with what differs; then the fields, before and after."""
    lines = [visible(_line(change)) for change in changed]
    for field in fields:
        lines += [f"- {field.name}: {json.dumps(field.before)}"] if field.before is not None else []
        lines += [f"+ {field.name}: {json.dumps(field.after)}"] if field.after is not None else []
    return "".join(line + "\n" for line in lines)


def _line(change: FileChange) -> str:
    notes = [word for word in change.what if word != "content" or change.before == change.after]
    if change.before != change.after and change.before is not None and change.after is not None:
        notes.insert(0, f"{human_size(change.before, 3)} -> {human_size(change.after, 3)}")
    return f"{change.kind} {change.path}" + (f"  ({', '.join(notes)})" if notes else "")
