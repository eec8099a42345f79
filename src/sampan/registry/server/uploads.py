"""Uploads of blobs: sessions that processes share, and that outlive them (distribution-spec, "Pushing Blobs").

What has come is in the medium; the digest so far is in the memory of the process that received all of it. Another
process, or this one after a restart, computes it anew from what is stored; so does everyone on a medium where another
may have written instead.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sampan.linux import fault
from sampan.registry.server import layout
from sampan.registry.server.content import Content
from sampan.registry.server.medium import Appending, Entry, Sealed
from sampan.registry.server.problems import problem

if TYPE_CHECKING:
    from hashlib import _Hash

_MOST_KNOWN = 4096
_ABANDONED_SECONDS = 3600


class Uploads:
    def __init__(self, content: Content) -> None:
        self._content = content
        self._medium = content.medium
        self._sums: dict[str, Sum] = {}

    def are_too_many(self, limit: int) -> bool:
        """Whether so many uploads are going on; those that nobody has written to for an hour are not."""
        names = self._medium.names(layout.UPLOADS)
        if len(names) < limit:
            return False
        since = time.time() - _ABANDONED_SECONDS
        entries = (self._medium.uploaded(layout.upload(name)) for name in names)
        return sum(entry is not None and entry.modified > since for entry in entries) >= limit

    def begin(self, repository: str, algorithm: str = "sha256") -> str:
        """A new upload's identifier."""
        identifier = os.urandom(16).hex()
        folder = layout.upload(identifier)
        self._medium.begin(folder)
        about = {"repository": repository, "begun": int(time.time())}
        self._medium.write(f"{folder}/about", json.dumps(about).encode(), is_durable=False)
        fault.point("registry-upload.begun")
        while len(self._sums) >= _MOST_KNOWN:
            self._sums.pop(next(iter(self._sums)), None)
        if self._medium.has_one_writer:
            self._sums[identifier] = Sum(algorithm)
        return identifier

    def state(self, repository: str, identifier: str) -> Entry:
        """How much has come. Raises BLOB_UPLOAD_UNKNOWN, also for an upload of another repository."""
        folder = layout.upload(identifier)
        about = self._medium.read(f"{folder}/about") if layout.is_upload(identifier) else None
        found = self._medium.uploaded(folder) if about is not None else None
        if about is None or found is None or json.loads(about)["repository"] != repository:
            raise problem("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", detail={"upload": identifier[:64]})
        return found

    def append(self, identifier: str, offset: int) -> "Receiving":
        """Go on at `offset`, which is the end. Raises BLOB_UPLOAD_INVALID (416) when another request writes to it."""
        with _refusals():
            appending = self._medium.append(layout.upload(identifier), offset)
        total = self._sums.pop(identifier, None)
        if total is None and offset == 0 and self._medium.has_one_writer:
            total = Sum("sha256")
        return Receiving(self, identifier, appending, total if total and total.size_bytes == offset else None)

    def keep(self, identifier: str, total: "Sum") -> None:
        self._sums[identifier] = total

    def finish(self, repository: str, identifier: str, digest: str) -> None:
        """Make the upload a blob. Raises DIGEST_INVALID, and nothing is kept; BLOB_UPLOAD_INVALID (416) as `append`."""
        with _refusals(), self._medium.sealed(layout.upload(identifier)) as sealed:
            if self._digest(identifier, sealed, digest.partition(":")[0]) != digest:
                self.cancel(identifier)
                raise problem(
                    "DIGEST_INVALID", "provided digest did not match uploaded content", detail={"digest": digest}
                )
            fault.point("registry-upload.verified")
            self._content.adopt(repository, digest, sealed.complete)
            self.cancel(identifier)
        fault.point("registry-upload.dropped")

    def cancel(self, identifier: str) -> None:
        self._sums.pop(identifier, None)
        self._medium.drop(layout.upload(identifier))

    def _digest(self, identifier: str, sealed: Sealed, algorithm: str) -> str:
        total, found = self._sums.get(identifier), self._medium.uploaded(layout.upload(identifier))
        if total is None or total.algorithm != algorithm or found is None or total.size_bytes != found.size_bytes:
            total = Sum(algorithm)
            for chunk in sealed.chunks():
                total.update(chunk)
        return total.digest()

    def expired(self, older_than_seconds: float) -> list[str]:
        """Uploads that have not grown for so long, and what is left of complete ones."""
        end = time.time() - older_than_seconds
        found = []
        for identifier in self._medium.names(layout.UPLOADS):
            entry = self._medium.uploaded(layout.upload(identifier))
            if entry is None or entry.modified < end:
                found.append(identifier)
        return found


@contextmanager
def _refusals() -> Iterator[None]:
    """What the medium says of an upload, in the protocol's words."""
    try:
        yield
    except BlockingIOError:
        raise problem("BLOB_UPLOAD_INVALID", "another request writes to this upload", status=416) from None
    except FileNotFoundError:
        raise problem("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry") from None


class Sum:
    """A digest that grows with its content."""

    __slots__ = ("_hash", "algorithm", "size_bytes")

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._hash: _Hash = hashlib.new(algorithm, usedforsecurity=False)
        self.size_bytes = 0

    def update(self, data: bytes) -> None:
        self._hash.update(data)
        self.size_bytes += len(data)

    def digest(self) -> str:
        return f"{self.algorithm}:{self._hash.hexdigest()}"


class Receiving:
    """One request's part of an upload: `write` blocks, and releases the interpreter while it writes and hashes."""

    def __init__(self, uploads: Uploads, identifier: str, appending: Appending, total: Sum | None) -> None:
        self._uploads, self._identifier, self._appending, self._total = uploads, identifier, appending, total

    def write(self, parts: Sequence[bytes]) -> None:
        self._appending.write(parts)
        fault.point("registry-upload.written")
        if self._total is not None:
            for part in parts:
                self._total.update(part)

    def close(self) -> None:
        self._appending.close()
        if self._total is not None:
            self._uploads.keep(self._identifier, self._total)
