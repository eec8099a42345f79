"""Node's packages: the package.json of each folder of node_modules."""

from collections.abc import Iterator
from typing import Any

import msgspec

from sampan.inspection.values import Files, Package, Unreadable


def wants(folder: str, name: str) -> bool:
    if name != "package.json":
        return False
    parts = folder.rsplit("/", 3)
    if len(parts) > 1 and parts[-2] == "node_modules":
        return not parts[-1].startswith("@")
    return len(parts) > 2 and parts[-3] == "node_modules" and parts[-2].startswith("@")


def read(path: str, content: bytes, _files: Files) -> Iterator[Package]:
    """Raises Unreadable for what is no JSON. A package.json without a name or version only tells node how to load a
    folder."""
    try:
        fields = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error
    if not isinstance(fields, dict):
        raise Unreadable("it is no object of JSON")
    name, version = fields.get("name"), fields.get("version")
    if isinstance(name, str) and isinstance(version, str) and name and version:
        yield Package(
            kind="npm",
            name=name,
            version=version,
            licences=tuple(dict.fromkeys(_licences(fields))),
            supplier=_person(fields.get("author")),
            location=path,
        )


def _licences(fields: dict[str, Any]) -> Iterator[str]:
    """`license`, an expression, or in old packages an object or a list of objects."""
    said = fields.get("license") or fields.get("licenses")
    for one in said if isinstance(said, list) else [said]:
        text = one.get("type") if isinstance(one, dict) else one
        if isinstance(text, str) and text:
            yield text


def _person(author: object) -> str:
    """Name <mail> (url), or an object of these."""
    text = author.get("name") if isinstance(author, dict) else author
    return text.partition("<")[0].partition("(")[0].strip() if isinstance(text, str) else ""
