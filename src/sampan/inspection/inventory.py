"""The packages of an image: every file that says what is installed, read by the reader of its kind."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sampan.inspection import apk, dpkg, node, python, rpm
from sampan.inspection.values import Files, Inventory, Package, Release, Unreadable

NO_RELEASE = Release()
_MOST_PACKAGES = 200_000
_DATABASE = 256 << 20
_DOCUMENT = 4 << 20


class Reader(NamedTuple):
    """`wants` tells by folder and name whether a file is of its kind, `read` what it says; `most` is in bytes."""

    wants: Callable[[str, str], bool]
    read: Callable[[str, bytes, Files], Iterator[Package]]
    most: int


READERS = (
    Reader(dpkg.wants, dpkg.read, _DATABASE),
    Reader(apk.wants, apk.read, _DATABASE),
    Reader(rpm.wants, rpm.read, _DATABASE),
    Reader(python.wants, python.read, _DOCUMENT),
    Reader(node.wants, node.read, _DOCUMENT),
)


def take(files: Files) -> Inventory:
    """Look at every file once. What cannot be read is told of in `unread`, and stops nothing."""
    found: dict[Package, None] = {}
    unread: list[tuple[str, str]] = []
    for folder, names in files.walk():
        for name in names:
            for reader in READERS:
                if reader.wants(folder, name):
                    path = f"{folder}/{name}" if folder else name
                    why = _add(found, reader, path, files)
                    if why:
                        unread.append((path, why))
    return Inventory(_release(files), tuple(sorted(found)), tuple(sorted(unread)))


def _add(found: dict[Package, None], reader: Reader, path: str, files: Files) -> str:
    """Why a file could not be read, "" when it was."""
    try:
        for package in reader.read(path, files.read(path, reader.most), files):
            if len(found) >= _MOST_PACKAGES:
                return f"more than {_MOST_PACKAGES} packages are listed"
            found[package] = None
    except Unreadable as error:
        return str(error)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def _release(files: Files) -> Release:
    for path in ("etc/os-release", "usr/lib/os-release"):
        try:
            text = files.read(path, 1 << 16).decode(errors="replace")
        except (OSError, Unreadable):
            continue
        fields = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
        values = {key.strip(): value.strip().strip("\"'") for key, value in fields.items()}
        return Release(values.get("ID", ""), values.get("VERSION_ID", ""), values.get("PRETTY_NAME", ""))
    return NO_RELEASE
