"""RPM's packages: its database in SQLite, a header of RPM in each row. The older forms, Berkeley DB and ndb, are named
as not read."""

import sqlite3
import struct
from collections.abc import Iterator
from typing import NamedTuple

from sampan.inspection.values import Files, Package, Unreadable

_FOLDERS = ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
_OTHER_FORMS = {"Packages": "Berkeley DB", "Packages.db": "ndb"}
_NAME, _VERSION, _RELEASE, _EPOCH, _VENDOR, _LICENCE, _ARCHITECTURE, _SOURCE = (
    1000,
    1001,
    1002,
    1003,
    1011,
    1014,
    1022,
    1044,
)
_INT32, _STRING, _STRING_ARRAY, _I18N_STRING = 4, 6, 8, 9
_ENTRY = struct.Struct(">iIiI")
_MOST_STEPS = 100_000_000  # of SQLite's machine: a database may be made to be slow
_STEPS_AT_ONCE = 10_000
_WRITE_AHEAD = b"\x02\x02"  # bytes 18 and 19 of a database that has a log beside it
_VERSIONS = slice(18, 20)


class _Entry(NamedTuple):
    kind: int
    offset: int
    length: int


def wants(folder: str, name: str) -> bool:
    return folder in _FOLDERS and (name == "rpmdb.sqlite" or name in _OTHER_FORMS)


def read(path: str, content: bytes, _files: Files) -> Iterator[Package]:
    """Raises Unreadable for a database of another form, or a damaged one."""
    form = _OTHER_FORMS.get(path.rpartition("/")[2])
    if form:
        raise Unreadable(f"the rpm database is {form}, which is not read: rpmdb --rebuilddb makes it SQLite")
    for blob in _rows(content):
        fields = _Header(blob)
        name, version = fields.text(_NAME), fields.text(_VERSION)
        if not name or not version or name == "gpg-pubkey":
            continue
        epoch, release = fields.number(_EPOCH), fields.text(_RELEASE)
        licence = fields.text(_LICENCE)
        yield Package(
            kind="rpm",
            name=name,
            version=f"{f'{epoch}:' if epoch else ''}{version}{f'-{release}' if release else ''}",
            architecture=fields.text(_ARCHITECTURE),
            licences=(licence,) if licence else (),
            source=fields.text(_SOURCE),
            supplier=fields.text(_VENDOR),
            location=path,
        )


def _rows(content: bytes) -> list[bytes]:
    """The headers of a database that lies in memory; nothing in it is run, whatever its schema says."""
    if not content:
        raise Unreadable("the rpm database is empty")
    if content[_VERSIONS] == _WRITE_AHEAD:
        content = content[:18] + b"\x01\x01" + content[20:]
    steps = 0

    def is_too_long() -> bool:
        nonlocal steps
        steps += _STEPS_AT_ONCE
        return steps > _MOST_STEPS

    database = sqlite3.connect(":memory:")
    try:
        database.deserialize(content)
        database.set_progress_handler(is_too_long, _STEPS_AT_ONCE)
        database.execute("PRAGMA trusted_schema = OFF")
        kind = database.execute("SELECT type FROM sqlite_master WHERE name = 'Packages'").fetchone()
        if kind != ("table",):
            raise Unreadable("the rpm database has no table of packages")
        return [blob for (blob,) in database.execute("SELECT blob FROM Packages") if isinstance(blob, bytes)]
    except (sqlite3.Error, OverflowError) as error:
        raise Unreadable(f"the rpm database is damaged: {error}") from error
    finally:
        database.close()


class _Header:
    """The tags of a package (rpm's file format, header structure): two counts, an index of them, then the data.

    Raises Unreadable for one that does not hold together.
    """

    def __init__(self, blob: bytes) -> None:
        if len(blob) < 8:
            raise Unreadable("a header of the rpm database is cut short")
        entries, size = struct.unpack_from(">II", blob)
        start = 8 + entries * _ENTRY.size
        if start + size > len(blob):
            raise Unreadable("a header of the rpm database is cut short")
        self._data = blob[start : start + size]
        self._entries = {
            tag: _Entry(kind, offset, length) for tag, kind, offset, length in _ENTRY.iter_unpack(blob[8:start])
        }

    def text(self, tag: int) -> str:
        """A text, of several the first; "" where there is none."""
        entry = self._entries.get(tag)
        if entry is None or entry.kind not in (_STRING, _STRING_ARRAY, _I18N_STRING) or entry.offset < 0:
            return ""
        end = self._data.find(b"\0", entry.offset)
        return self._data[entry.offset : end].decode(errors="replace") if end >= 0 else ""

    def number(self, tag: int) -> int:
        entry = self._entries.get(tag)
        if entry is None or entry.kind != _INT32 or not entry.length or not 0 <= entry.offset <= len(self._data) - 4:
            return 0
        return int.from_bytes(self._data[entry.offset : entry.offset + 4], "big")
