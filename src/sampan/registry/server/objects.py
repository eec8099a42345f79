"""A registry in an object store: S3 and what is compatible with it, through obstore.

Replicas share a bucket. An object appears whole or not at all, and is listed as soon as it is there. A lock is an
object that only one can create (If-None-Match: *); its holder's steps take less than a second, and one that stays the
same for a minute was left by a process that is gone.
"""

import errno
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sampan.errors import InvalidArgument, Unavailable
from sampan.registry.server.medium import Appending, Entry, Sealed

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CHUNK = 1 << 20
_PART_BYTES, _PARTS_AT_ONCE = 6 << 20, 2  # S3 wants parts of 5 MiB at least; so much of an upload is in memory
_LOCK_SECONDS = 60
_ABANDONED_SECONDS = 600
_POLL_SECONDS = 0.05


def open_store(url: str) -> "ObjectStore":
    """The store that a URL names: s3://bucket/prefix (gs:// and az:// too). Credentials come from the environment.

    Raises Unavailable without obstore, InvalidArgument for a URL that it can't read.
    """
    try:
        from obstore.store import from_url
    except ImportError:
        raise Unavailable("object stores need the package obstore", hint="pip install 'sampan[s3]'") from None
    try:
        return from_url(url)
    except Exception as error:  # noqa: BLE001 - obstore's errors share no base but Exception
        raise InvalidArgument(f"--store {url}: {error}", hint="for example: --store s3://bucket/prefix") from None


class Objects:
    """The medium for one object store. Nothing keeps replicas from writing to one upload at the same time."""

    has_one_writer = False

    def __init__(self, store: "ObjectStore") -> None:
        import obstore

        self._store: Any = store
        self._obstore: Any = obstore

    def path(self, key: str) -> str | None:
        return None

    def read(self, key: str) -> bytes | None:
        try:
            return bytes(self._obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            return None

    def look(self, key: str) -> Entry | None:
        try:
            return _entry(self._obstore.head(self._store, key))
        except FileNotFoundError:
            return None

    def write(self, key: str, data: bytes, *, is_durable: bool = True) -> None:
        self._obstore.put(self._store, key, data)

    def touch(self, key: str) -> bool:
        data = self.read(key)
        if data is None:
            return False
        self.write(key, data)
        return True

    def remove(self, key: str) -> None:
        try:
            self._obstore.delete(self._store, key)
        except FileNotFoundError:
            pass

    def names(self, folder: str) -> list[str]:
        found = self._obstore.list_with_delimiter(self._store, folder)
        paths = [*found["common_prefixes"], *(item["path"] for item in found["objects"])]
        return sorted({path.rstrip("/").rpartition("/")[2] for path in paths})

    def sizes(self, folder: str) -> Iterator[tuple[str, Entry]]:
        for item in self._obstore.list_with_delimiter(self._store, folder)["objects"]:
            yield item["path"].rpartition("/")[2], _entry(item)

    def chunks(self, key: str, start: int, length: int) -> Iterator[bytes]:
        if length == 0:
            return
        options = {"range": (start, start + length)}
        for piece in self._obstore.get(self._store, key, options=options).stream(min_chunk_size=_CHUNK):
            yield bytes(piece)

    @contextmanager
    def lock(self, name: str, *, waits: bool = True) -> Iterator[bool]:
        """See Medium. What is held long (`waits` false) is touched every minute, so that it does not look abandoned."""
        key = f"locks/{name.replace(':', '-', 1).replace('/', '_')}"
        if not (self._acquire(key) if waits else self._try(key)):
            yield False
            return
        released = threading.Event()
        if not waits:
            threading.Thread(target=self._keep, args=(key, released), name="registry lock", daemon=True).start()
        try:
            yield True
        finally:
            released.set()
            self.remove(key)

    def _acquire(self, key: str) -> bool:
        """Wait for a lock. How long its holder has been silent is measured by this host's clock alone."""
        seen, since = 0.0, time.monotonic()
        while not self._create(key):
            found = self.look(key)
            if found is not None and found.modified != seen:
                seen, since = found.modified, time.monotonic()
            elif found is not None and time.monotonic() - since > _LOCK_SECONDS:
                self.remove(key)
            else:
                time.sleep(_POLL_SECONDS)
        return True

    def _try(self, key: str) -> bool:
        """Take a lock that is free, or whose holder has touched it neither in this minute nor in the last nine."""
        if self._create(key):
            return True
        found = self.look(key)
        if found is not None and time.time() - found.modified < _ABANDONED_SECONDS:
            return False
        self.remove(key)
        return self._create(key)

    def _keep(self, key: str, released: threading.Event) -> None:
        while not released.wait(_LOCK_SECONDS):
            self.write(key, b"")

    def _create(self, key: str) -> bool:
        from obstore.exceptions import AlreadyExistsError

        try:
            self._obstore.put(self._store, key, b"", mode="create")
        except AlreadyExistsError:
            return False
        return True

    def begin(self, folder: str) -> None:
        self.write(f"{folder}/begun", b"")

    def uploaded(self, folder: str) -> Entry | None:
        parts = self._parts(folder)
        begun = self.look(f"{folder}/begun")
        if begun is None:
            return None
        return Entry(sum(size for _, size, _ in parts), max([begun.modified, *(time for _, _, time in parts)]))

    def append(self, folder: str, offset: int) -> Appending:
        found = self.uploaded(folder)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "no such upload", folder)
        if found.size_bytes != offset:
            raise BlockingIOError(errno.EAGAIN, "the upload has grown meanwhile")
        # A name of its own: another replica that is at the same offset does not replace what was counted.
        return _Part(self.writer(f"{folder}/part-{offset:020d}-{os.urandom(8).hex()}"))

    def writer(self, key: str) -> Any:
        return self._obstore.open_writer(self._store, key, buffer_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)

    @contextmanager
    def sealed(self, folder: str) -> Iterator[Sealed]:
        if self.look(f"{folder}/begun") is None:
            raise FileNotFoundError(errno.ENOENT, "no such upload", folder)
        whole = f"{folder}/whole-{os.urandom(8).hex()}"
        try:
            yield _Whole(self, whole, [(key, size) for key, size, _ in self._parts(folder)])
        finally:
            self.remove(whole)

    def copy(self, source: str, target: str) -> None:
        """Raises FileNotFoundError."""
        self._obstore.copy(self._store, source, target)

    def drop(self, folder: str) -> None:
        names = [name for name, _ in self.sizes(folder)]
        for name in names:
            self.remove(f"{folder}/{name}")

    def tidy(self, older_than_seconds: float) -> None:
        """Nothing half written can be seen; what S3 keeps of it ends by the bucket's rule for incomplete uploads."""

    def _parts(self, folder: str) -> list[tuple[str, int, float]]:
        """Key, size and time of the parts that follow one another from the beginning.

        Of those at the same offset the oldest counts; one of nothing never does.
        """
        found = sorted(
            (int(name.split("-")[1]), entry.modified, name, entry)
            for name, entry in self.sizes(folder)
            if name.startswith("part-") and entry.size_bytes
        )
        parts, end = [], 0
        for offset, _, name, entry in found:
            if offset != end:
                continue
            parts.append((f"{folder}/{name}", entry.size_bytes, entry.modified))
            end += entry.size_bytes
        return parts


class _Part:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, parts: Sequence[bytes]) -> None:
        for part in parts:
            self._writer.write(part)

    def close(self) -> None:
        self._writer.close()


class _Whole:
    """The copy of an upload, under a name that only this request knows: its digest is of exactly what is written."""

    def __init__(self, objects: Objects, key: str, parts: Sequence[tuple[str, int]]) -> None:
        self._objects, self._key, self._parts = objects, key, parts

    def chunks(self) -> Iterator[bytes]:
        writer = self._objects.writer(self._key)
        for key, size in self._parts:
            for piece in self._objects.chunks(key, 0, size):
                writer.write(piece)
                yield piece
        writer.close()

    def complete(self, key: str) -> None:
        self._objects.copy(self._key, key)


def _entry(found: Any) -> Entry:
    return Entry(found["size"], found["last_modified"].timestamp())
