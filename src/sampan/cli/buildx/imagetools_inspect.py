"""`sampan buildx imagetools inspect`."""

import json
import sys
from typing import Any

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.gotemplate import Template, TemplateError, TemplateParseError
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine
from sampan.engine.image_tools import Looked
from sampan.oci import manifest as manifests
from sampan.oci.manifest import Index

_DEFAULT = "{{.Manifest}}"

COMMAND = Command(
    arguments="[OPTIONS] NAME",
    summary="Show what a registry has under a name",
    examples=(
        Example("The images of an index, by platform", "buildx imagetools inspect debian:bookworm"),
        Example("The bill of materials", "buildx imagetools inspect web:1 --format '{{json .SBOM}}'"),
    ),
    flags=(
        Flag("builder", STRING, "", hidden=True),
        Flag("format", STRING, "A Go template over Name, Manifest, Image, Provenance and SBOM", default=_DEFAULT),
        Flag("raw", BOOL, "Print the document as the registry has it"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    form = parsed.string("format")
    if parsed.boolean("raw") and parsed.is_given("format"):
        raise ClientError("ERROR: format and raw cannot be used together")
    tools = Engine(invocation.settings.root or None).image_tools(invocation.settings.config)
    needs = not parsed.boolean("raw") and any(word in form for word in ("Image", "Provenance", "SBOM", "json ."))
    looked = tools.look(invocation.arguments[0], wants_content=needs or form == "json")
    if parsed.boolean("raw"):
        sys.stdout.buffer.write(looked.found.content)
        return 0
    if form == _DEFAULT:
        print(_readable(looked), end="")
        return 0
    try:
        text = "{{json .}}" if form == "json" else form
        print(Template(text).execute(_document(looked)))
    except TemplateParseError as problem:
        raise ClientError(f"ERROR: template parsing error: {problem.message}") from None
    except TemplateError as problem:
        raise ClientError(f"ERROR: {problem.message}") from None
    return 0


def _document(looked: Looked) -> dict[str, Any]:
    document = json.loads(looked.found.content)
    kept = {key: document[key] for key in ("schemaVersion", "manifests", "annotations") if key in document}
    manifest = {
        **{key: value for key, value in kept.items() if key == "schemaVersion"},
        "mediaType": looked.document.media_type,
        "digest": looked.found.digest,
        "size": len(looked.found.content),
        **{key: value for key, value in kept.items() if key != "schemaVersion"},
    }
    is_index = isinstance(looked.document, Index) and len(looked.images) > 1
    found: dict[str, Any] = {"Name": looked.name.normalised(), "Manifest": manifest}
    for key, values in (("Image", looked.images), ("Provenance", looked.provenance), ("SBOM", looked.sbom)):
        if values:
            found[key] = dict(values) if is_index else next(iter(values.values()))
        else:
            found[key] = {}
    return found


def _readable(looked: Looked) -> str:
    name = looked.name.normalised()
    rows = [("Name:", name), ("MediaType:", looked.document.media_type), ("Digest:", looked.found.digest)]
    if not isinstance(looked.document, Index):
        return _columns(rows)
    parts = [_columns([*rows, ("", ""), ("Manifests:", "")])]
    block: list[tuple[str, str]] = []
    for position, entry in enumerate(looked.document.manifests):
        if position:
            block.append(("", ""))
        block += [("  Name:", f"{name.partition('@')[0]}@{entry.digest}"), ("  MediaType:", entry.media_type)]
        if entry.platform is not None:
            fields = entry.platform
            shown = manifests.platform_of(entry) or "/".join(part for part in (fields.os, fields.architecture) if part)
            block.append(("  Platform:", str(shown)))
        if entry.annotations:
            block.append(("  Annotations:", ""))
            parts.append(_columns(block))
            parts.append(_columns([(f"    {key}:", value) for key, value in sorted(entry.annotations.items())]))
            block = []
    return "".join([*parts, _columns(block)])


def _columns(rows: list[tuple[str, str]]) -> str:
    width = max((len(name) for name, _ in rows), default=0) + 1
    return "".join(f"{name:<{width}}{value}\n" for name, value in rows)
