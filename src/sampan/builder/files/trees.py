"""A tree of files that COPY and ADD read from: the build context, or another stage's root. Walked by descriptor."""

import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from sampan.builder.files import digests
from sampan.builder.files.digests import Remembered
from sampan.dockerfile import glob
from sampan.dockerfile.ignore import Patterns
from sampan.errors import InvalidArgument
from sampan.linux import files

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_MAX_LINKS = 40
_CHANGED = (errno.EINVAL, errno.ELOOP, errno.ENXIO, errno.ENOENT, errno.ENOTDIR)  # it is there no more, or another kind
_KINDS = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFIFO: "p",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
}


class Entry(NamedTuple):
    """A file. `path` is relative to the tree's root ("" is the root), `kind` one of f d l p c b, `mode` permissions.

    `link` is a symbolic link's target; `stamp` tells files apart and when they change.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    link: str
    rdev: int
    links: int
    mtime_ns: int
    atime_ns: int
    stamp: digests.Stamp

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def size(self) -> int:
        return self.stamp[2]


class Tree:
    """`patterns` keep paths out; `remembered` saves reading files whose digest is known."""

    def __init__(self, root_fd: int, patterns: Patterns | None = None, remembered: Remembered | None = None) -> None:
        self.root = root_fd
        self.patterns = patterns if patterns is not None and patterns.rules else None
        self._remembered = remembered
        self._folders: dict[str, dict[str, Entry]] = {}
        self._digests: dict[str, str] = {}
        self._began_ns = digests.now_ns()

    def close(self) -> None:
        os.close(self.root)

    def folder(self, path: str) -> dict[str, Entry]:
        """What is in the folder `path`, by name, sorted; a folder that is kept out stands there while something in it
        may be taken back in."""
        found = self._folders.get(path)
        if found is None:
            found = self._folders[path] = self._listed(path)
        return found

    def _listed(self, path: str) -> dict[str, Entry]:
        prefix = f"{path}/" if path else ""
        try:
            fd = files.open_beneath(self.root, path or ".", _DIRECTORY)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise InvalidArgument(f"{path[:60]}... is nested too deeply: no path reaches it") from error
            raise
        found: list[Entry] = []
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    below = prefix + entry.name
                    info = entry.stat(follow_symlinks=False)
                    kind = _KINDS.get(stat.S_IFMT(info.st_mode))
                    if kind is None or (self.patterns is not None and self._is_out(below, kind)):
                        continue
                    link = os.readlink(entry.name, dir_fd=fd) if kind == "l" else ""
                    found.append(_entry(below, kind, info, link))
        finally:
            os.close(fd)
        found.sort(key=lambda entry: os.fsencode(entry.path))
        return {entry.name: entry for entry in found}

    def _is_out(self, path: str, kind: str) -> bool:
        assert self.patterns is not None
        return self.patterns.match(path) and not (kind == "d" and self.patterns.could_contain_reincluded(path))

    def root_entry(self) -> Entry:
        return _entry("", "d", os.fstat(self.root), "")

    def find(self, path: str) -> Entry | None:
        """The entry that `path` leads to, links followed inside the tree; None when there is none."""
        pending = _parts(path)
        current: list[str] = []
        entry = self.root_entry()
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                current = current[:-1]
                entry = self._at(current)
                continue
            if entry.kind != "d" and current:
                return None
            found = self.folder("/".join(current)).get(part)
            if found is None:
                return None
            if found.kind == "l":
                links += 1
                if links > _MAX_LINKS:
                    return None
                if found.link.startswith("/"):
                    current = []
                pending += _parts(found.link)
                entry = self._at(current)
                continue
            current.append(part)
            entry = found
        entry = self._at(current)
        if self.patterns is not None and entry.path and self.patterns.match(entry.path) and not self.has_any(entry):
            return None
        return entry

    def _at(self, parts: list[str]) -> Entry:
        if not parts:
            return self.root_entry()
        return self.folder("/".join(parts[:-1]))[parts[-1]]

    def has_any(self, entry: Entry) -> bool:
        """Whether a folder that is kept out holds something that is not."""
        return entry.kind == "d" and any(True for _ in self.below(entry.path))

    def below(self, path: str) -> Iterator[Entry]:
        """All entries below the folder `path`, a folder before what is in it. A folder that is kept out comes only with
        something in it that is not."""
        # Not recursive: a hostile tree may be deeper than Python's stack.
        levels = [iter(self.folder(path).values())]
        waiting: list[tuple[int, Entry]] = []  # folders that are kept out, by depth, until something in them is not
        while levels:
            entry = next(levels[-1], None)
            if entry is None:
                levels.pop()
                if waiting and waiting[-1][0] == len(levels):
                    waiting.pop()
                continue
            if entry.kind == "d":
                if self.patterns is not None and self.patterns.match(entry.path):
                    waiting.append((len(levels), entry))
                levels.append(iter(self.folder(entry.path).values()))
                if waiting and waiting[-1][1] is entry:
                    continue
            yield from (folder for _, folder in waiting)
            waiting.clear()
            yield entry

    def match(self, pattern: str, *, is_deep: bool = False) -> list[str]:
        """Paths that a pattern of Go's path.Match means, sorted; with `is_deep`, ** is any number of folders.

        Raises InvalidArgument for a malformed pattern.
        """
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        if is_deep:
            matcher = glob.compile_deep_pattern("/".join(parts))
            return [entry.path for entry in self.below("") if matcher.fullmatch(entry.path)]
        matchers = [glob.compile_pattern(part) for part in parts]
        found = [""]
        is_wild = False
        for part, compiled in zip(parts, matchers, strict=True):
            step: list[str] = []
            is_next_wild = is_wild or glob.has_wildcard(part)
            for parent in found:
                # Links are followed up to the first wildcard: behind it BuildKit looks at what is there itself.
                place = self.plain(parent) if is_wild else self.find(parent)
                if place is None or place.kind != "d":
                    continue
                names = self.folder(place.path)
                chosen = [name for name in names if compiled.fullmatch(name)] if glob.has_wildcard(part) else [part]
                step += [f"{parent}/{name}" if parent else name for name in chosen if name in names]
            found, is_wild = step, is_next_wild
        return found

    def plain(self, path: str) -> Entry | None:
        """The entry of a path whose folder is given as find() would lead to it; a link stands for itself."""
        folder, _, name = path.rpartition("/")
        parent = self.find(folder)
        return self.folder(parent.path).get(name) if parent is not None and parent.kind == "d" else None

    def digest(self, entry: Entry) -> str:
        """SHA-256 of a regular file's bytes."""
        known = self._digests.get(entry.path)
        if known is not None:
            return known
        digest = self._remembered.get(entry.path, entry.stamp) if self._remembered is not None else ""
        if not digest:
            digest = self._read(entry)
        self._digests[entry.path] = digest
        return digest

    def _read(self, entry: Entry) -> str:
        fd = self.open(entry)
        try:
            digest = digests.read_digest(fd)
            stamp = digests.stamp_of(os.fstat(fd))
        finally:
            os.close(fd)
        if self._remembered is not None and stamp == entry.stamp:
            self._remembered.put(entry.path, stamp, digest, self._began_ns)
        return digest

    def open(self, entry: Entry) -> int:
        """A regular file, for reading. Raises OSError; InvalidArgument when it is a file no more."""
        try:
            return files.open_listed(self.root, entry.path)
        except OSError as error:
            if error.errno in _CHANGED:
                raise InvalidArgument(
                    f"{entry.path} changed while it was read", hint="build again when nothing writes there"
                ) from error
            raise

    def remember(self) -> None:
        """Keep the digests for the next build."""
        if self._remembered is not None:
            self._remembered.save()


def _parts(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _entry(path: str, kind: str, info: os.stat_result, link: str) -> Entry:
    return Entry(
        path,
        kind,
        stat.S_IMODE(info.st_mode),
        info.st_uid,
        info.st_gid,
        link,
        info.st_rdev,
        info.st_nlink,
        info.st_mtime_ns,
        info.st_atime_ns,
        digests.stamp_of(info),
    )
