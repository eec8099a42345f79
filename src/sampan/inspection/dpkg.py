"""Debian's packages: the status file of dpkg, or the pieces of it that images without dpkg carry (status.d)."""

import re
from collections.abc import Iterator

from sampan.inspection.stanzas import stanzas
from sampan.inspection.values import Files, Package, Unreadable

_MOST_COPYRIGHT = 1 << 20
_LICENCE = re.compile(r"^License:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_NAME = re.compile(r"[a-z0-9][a-z0-9+.\-]*")


def wants(folder: str, name: str) -> bool:
    if folder == "var/lib/dpkg":
        return name == "status"
    return folder == "var/lib/dpkg/status.d" and not name.endswith((".md5sums", ".preinst", ".list"))


def read(path: str, content: bytes, files: Files) -> Iterator[Package]:
    """The packages of which the files are there: neither removed nor only configured."""
    for fields in stanzas(content.decode(errors="replace")):
        name, version = fields.get("package", ""), fields.get("version", "")
        status = fields.get("status", "install ok installed").split()
        if not name or not version or status[-1:] != ["installed"]:
            continue
        yield Package(
            kind="deb",
            name=name,
            version=version,
            architecture=fields.get("architecture", ""),
            licences=_licences(name, files),
            source=fields.get("source", "").partition(" ")[0],
            supplier=fields.get("maintainer", ""),
            location=path,
        )


def _licences(name: str, files: Files) -> tuple[str, ...]:
    """What a copyright file that machines can read (DEP 5) names; nothing where it is prose or not there."""
    if not _NAME.fullmatch(name):
        return ()
    try:
        content = files.read(f"usr/share/doc/{name}/copyright", _MOST_COPYRIGHT)
    except (OSError, Unreadable):
        return ()
    text = content.decode(errors="replace")
    if not text.lstrip().lower().startswith("format:"):
        return ()
    return tuple(sorted({licence for licence in _LICENCE.findall(text) if len(licence) <= 80}))
