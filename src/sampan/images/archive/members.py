"""The members of an image archive, in one pass: documents are kept, layers unpacked as they go by.

Which members are layers is told at the end by most archives, so it is told here by their first bytes. A layer that no
image turns out to have is in the store for nothing, and goes with the next collection.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sampan.errors import Corrupt
from sampan.images.archive.contents import normal
from sampan.oci.digest import is_digest
from sampan.storage import compression, foreign, snapshots, tar
from sampan.storage.database import Database
from sampan.storage.paths import Paths

LARGEST_DOCUMENT = 8 << 20
ALL_DOCUMENTS = 128 << 20
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
Progress = Callable[[str, int, int], object]
ChooseIds = Callable[[Mapping[str, bytes]], Mapping[str, str]]


class Received(NamedTuple):
    """A layer that was unpacked, or why it could not be. `digest` is that of the bytes in the archive, "" where nobody
    asks for it."""

    snapshot_id: str
    diff_id: str
    digest: str = ""
    problem: Corrupt | None = None


class Members:
    """What an archive holds, once read() was called: `documents`, `links` and `layers`, by normal path.

    The snapshots in `held` are leased by this process: release() them in any case.
    """

    def __init__(
        self, database: Database, paths: Paths, on_progress: Progress, choose_ids: ChooseIds = lambda documents: {}
    ) -> None:
        """`choose_ids` gives, from the documents before the first layer, the snapshot ids that layers are to get, by
        diff ID."""
        self._database, self._paths, self._on_progress = database, paths, on_progress
        self._choose_ids = choose_ids
        self._ids: Mapping[str, str] | None = None
        self.documents: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.layers: dict[str, Received] = {}
        self.held: list[str] = []
        self._bytes = 0

    def read(self, stream: tar.Readable) -> None:
        """Raises Corrupt for a damaged archive, OSError when the disk is full. Bad layers are told of later, and only
        when an image has them."""
        archive = tar.Archive(stream, hasher=None)
        for member in archive:
            path = normal(member.name)
            if member.kind == tar.SYMLINK:
                self.links[path] = normal(member.link if member.link.startswith("/") else f"{path}/../{member.link}")
            elif member.kind == tar.HARD_LINK:
                self.links[path] = normal(member.link)
            elif member.kind == tar.REGULAR and member.extents is None:
                self._add(path, member.size, _Content(archive.data()))
        archive.finish()

    def release(self) -> None:
        """Give up the leases."""
        with self._database.transaction(durable=False):
            for snapshot_id in self.held:
                snapshots.release(self._database, snapshot_id)
        self.held.clear()

    def _add(self, path: str, size: int, content: "_Content") -> None:
        head = content.peek(tar.BLOCK)
        if tar.is_header(head) or head.startswith(_COMPRESSED):
            self.layers[path] = self._layer(path, size, content, is_compressed=head.startswith(_COMPRESSED))
        elif size <= LARGEST_DOCUMENT and head.lstrip().startswith((b"{", b"[")):
            self._bytes += size
            if self._bytes > ALL_DOCUMENTS:
                raise Corrupt(f"the archive's documents are larger than {ALL_DOCUMENTS} bytes, at {path!r}")
            self.documents[path] = content.read_all()

    def _layer(self, path: str, size: int, content: "_Content", *, is_compressed: bool) -> Received:
        named = _digest_in(path)
        if named and not is_compressed:
            known = foreign.find(self._database, named)
            if known is not None:
                self.held.append(known)
                return Received(known, named, named)
        source = _Source(content, path, size, self._on_progress, is_hashed=bool(named) and is_compressed)
        try:
            plain = compression.open_decompressed(source)
            wanted = "" if is_compressed else named
            snapshot_id = foreign.receive(
                self._database, self._paths, plain, diff_id=wanted, snapshot_id=self._id_for(named)
            )
        except Corrupt as problem:
            return Received("", "", problem=problem)
        self.held.append(snapshot_id)
        found = snapshots.find(self._database, snapshot_id)
        assert found is not None
        return Received(snapshot_id, found.diff_id, source.finish() if is_compressed else named)

    def _id_for(self, diff_id: str) -> str:
        if self._ids is None:
            self._ids = self._choose_ids(self.documents)
        return self._ids.get(diff_id, "")


def _digest_in(path: str) -> str:
    """The digest that a blob's path tells, "" for other paths."""
    digest = "sha256:" + path.removeprefix("blobs/sha256/")
    return digest if path.startswith("blobs/sha256/") and is_digest(digest) else ""


class _Content:
    """The data of a member as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def peek(self, count: int) -> bytes:
        """The first bytes, fewer when there are no more; they are still to be read."""
        while len(self._rest) < count and (piece := next(self._pieces, b"")):
            self._rest += piece
        return self._rest[:count]

    def read(self, size: int, /) -> bytes:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def read_all(self) -> bytes:
        return self._rest + b"".join(self._pieces)


class _Source:
    """A layer's bytes on their way: counted, shown, and hashed where their digest is to be known."""

    def __init__(self, content: _Content, path: str, size: int, on_progress: Progress, *, is_hashed: bool) -> None:
        self._content, self._path, self._size, self._on_progress = content, path, size, on_progress
        self._hash = hashlib.sha256() if is_hashed else None
        self._count = 0

    def read(self, size: int, /) -> bytes:
        piece = self._content.read(size)
        self._count += len(piece)
        if self._hash is not None:
            self._hash.update(piece)
        if piece:
            self._on_progress(self._path, self._count, self._size)
        return piece

    def finish(self) -> str:
        """The digest of everything, what the decompressor left included."""
        while self.read(1 << 20):
            pass
        return "sha256:" + self._hash.hexdigest() if self._hash is not None else ""
