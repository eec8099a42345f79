"""A case of the corpus: one text file that holds a Dockerfile, its context and the flags of its build.

    what the case shows, in a line
    == flags
    --build-arg VERSION=2 --target test
    == Dockerfile
    FROM alpine:3.20
    == src/run.sh 0755
    #!/bin/sh
    == current -> src
    == empty/ 0700
    == data.tar.gz archive
    0644 5:6 lib/a.txt what it holds
    0755 0:0 lib/
    0777 0:0 lib/b.txt -> a.txt

Paths are those of the context, which is the working directory; `../name` lies beside it. A file's mode is 0644 and a
folder's 0755 where none is said. `crlf` after the mode ends lines so, `bare` leaves the last line without an end.
"""

import gzip
import io
import os
import shlex
import tarfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_HEAD = "== "


class Entry(NamedTuple):
    """A file of a case: its `words` are what its head says after the path."""

    path: str
    words: tuple[str, ...]
    lines: tuple[str, ...]


class Case(NamedTuple):
    """`name` is subject/name, `summary` what it shows, `flags` the words of the build before the context."""

    name: str
    summary: str
    flags: tuple[str, ...]
    entries: tuple[Entry, ...]


def cases(folder: str) -> list[Case]:
    """All cases below `folder`, by name."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".case"):
                path = os.path.join(place, name)
                with open(path, encoding="utf-8") as file:
                    found.append(parse(os.path.relpath(path, folder).removesuffix(".case"), file.read()))
    return sorted(found)


def parse(name: str, text: str) -> Case:
    """Raises ValueError for a case without a Dockerfile or without a summary."""
    lines = text.removesuffix("\n").split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith(_HEAD)]
    entries: list[Entry] = []
    flags: tuple[str, ...] = ()
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        path, *words = lines[start].removeprefix(_HEAD).split()
        if path == "flags":
            flags = tuple(shlex.split(" ".join(lines[start + 1 : end])))
        else:
            entries.append(Entry(path, tuple(words), tuple(lines[start + 1 : end])))
    if not starts or starts[0] != 1 or not lines[0]:
        raise ValueError(f"{name}: the first line says what the case shows, and `== path` follows")
    return Case(name, lines[0], flags, tuple(entries))


def lay_out(case: Case, folder: str) -> str:
    """Write a case's files below `folder`, which is empty; the path of its context."""
    context = os.path.join(folder, "context")
    os.mkdir(context)
    for entry in case.entries:
        path = os.path.normpath(os.path.join(context, entry.path))
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        _write(entry, path)
    for entry in case.entries:  # after what they hold, which a mode could keep out
        if entry.path.endswith("/"):
            os.chmod(os.path.normpath(os.path.join(context, entry.path)), _mode(entry, 0o755))
    return context


def _write(entry: Entry, path: str) -> None:
    if entry.path.endswith("/"):
        os.makedirs(path, exist_ok=True)
    elif "->" in entry.words:
        os.symlink(entry.words[-1], path)
    else:
        with open(path, "wb") as file:
            file.write(_archive(entry) if "archive" in entry.words else _content(entry))
        os.chmod(path, _mode(entry, 0o644))


def _mode(entry: Entry, usual: int) -> int:
    return next((int(word, 8) for word in entry.words if word.isdigit()), usual)


def _content(entry: Entry) -> bytes:
    end = "\r\n" if "crlf" in entry.words else "\n"
    text = end.join(entry.lines) + ("" if "bare" in entry.words or not entry.lines else end)
    return text.encode()


def _archive(entry: Entry) -> bytes:
    buffer = io.BytesIO()
    form = os.path.splitext(entry.path)[1]
    mode = {".bz2": "w:bz2", ".xz": "w:xz"}.get(form, "w")
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for member, content in _members(entry.lines):
            archive.addfile(member, io.BytesIO(content))
    content = buffer.getvalue()
    return gzip.compress(content, 0, mtime=0) if form in (".gz", ".tgz") else content


def _members(lines: Sequence[str]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for line in lines:
        mode, owner, path, *rest = line.split(" ", 3)
        text = rest[0] if rest else ""
        member = tarfile.TarInfo(path.rstrip("/"))
        member.mode, member.mtime = int(mode, 8), 1_000_000_000
        member.uid, member.gid = (int(number) for number in owner.split(":"))
        content = b""
        if path.endswith("/"):
            member.type = tarfile.DIRTYPE
        elif text.startswith("-> "):
            member.type, member.linkname = tarfile.SYMTYPE, text[3:]
        elif text.startswith("= "):
            member.type, member.linkname = tarfile.LNKTYPE, text[2:]
        else:
            content = (text + "\n").encode() if text else b""
            member.size = len(content)
        yield member, content
