"""Alpine's packages: the database of apk, paragraphs of one-letter fields."""

from collections.abc import Iterator

from sampan.inspection.values import Files, Package

_FOLDERS = ("lib/apk/db", "usr/lib/apk/db")


def wants(folder: str, name: str) -> bool:
    return name == "installed" and folder in _FOLDERS


def read(path: str, content: bytes, _files: Files) -> Iterator[Package]:
    """P name, V version, A architecture, L licence, o source, m maintainer; the lines about files are passed over."""
    fields: dict[str, str] = {}
    for line in [*content.decode(errors="replace").split("\n"), ""]:
        if line:
            key, colon, value = line.partition(":")
            if colon and len(key) == 1:
                fields.setdefault(key, value.strip())
            continue
        if fields.get("P") and fields.get("V"):
            licence = fields.get("L", "")
            yield Package(
                kind="apk",
                name=fields["P"],
                version=fields["V"],
                architecture=fields.get("A", ""),
                licences=(licence,) if licence else (),
                source=fields["o"] if fields.get("o") not in (None, fields["P"]) else "",
                supplier=fields.get("m", ""),
                location=path,
            )
        fields = {}
