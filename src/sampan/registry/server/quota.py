"""How much a registry and each repository may hold, uploads that go on included.

What is stored is added up at most every few seconds, and what this process takes meanwhile is added to it; other
replicas' uploads are seen with the next sum. A blob counts once for the whole, and for each repository that has it; an
upload counts for its repository with what has come, or was announced, until it is a blob or given up.
"""

import json
import threading
import time

from sampan.registry.server import layout
from sampan.registry.server.content import Content
from sampan.registry.server.problems import problem

_FRESH_SECONDS = 10


class Quota:
    """Refuses what is too much. `total_bytes` and `repository_bytes` are the limits, 0 for none.

    Its methods may be called by any thread. `check` and `take` raise what the medium raises.
    """

    def __init__(self, content: Content, total_bytes: int, repository_bytes: int) -> None:
        self._content, self._total, self._each = content, total_bytes, repository_bytes
        self._lock = threading.Lock()
        self._sums: dict[str, tuple[float, int]] = {}
        self._uploads: dict[str, tuple[str, int]] = {}
        self._uploads_when = 0.0

    def check(self, repository: str, added_bytes: int, upload: str = "") -> None:
        """Raises DENIED when so much more is too much; otherwise `upload`, whose whole size that is, counts for it."""
        if not self._total and not self._each:
            return
        for name, limit, what in (
            ("", self._total, "the registry"),
            (repository, self._each, f"repository {repository}"),
        ):
            if limit and self._used(name) + self._coming(name, upload) + added_bytes > limit:
                raise problem(
                    "DENIED",
                    f"quota exceeded: {what} may hold {limit} bytes",
                    hint="delete tags that are not needed, then 'sampan registry gc'",
                )
        if upload:
            with self._lock:
                self._uploads[upload] = repository, added_bytes

    def end(self, upload: str) -> None:
        """An upload has become a blob, or was given up."""
        with self._lock:
            self._uploads.pop(upload, None)

    def _coming(self, name: str, besides: str) -> int:
        """The bytes of uploads to a repository, to all for "", but for the one that is asked about."""
        with self._lock:
            if time.monotonic() - self._uploads_when > _FRESH_SECONDS or not self._uploads_when:
                self._uploads = _uploads(self._content)
                self._uploads_when = time.monotonic()
            return sum(
                size
                for identifier, (repository, size) in self._uploads.items()
                if identifier != besides and name in ("", repository)
            )

    def take(self, repository: str, added_bytes: int) -> None:
        """A blob of this size has come."""
        with self._lock:
            for name in ("", repository):
                if name in self._sums:
                    when, used = self._sums[name]
                    self._sums[name] = (when, used + added_bytes)

    def _used(self, name: str) -> int:
        with self._lock:
            when, used = self._sums.get(name, (0.0, 0))
            if time.monotonic() - when > _FRESH_SECONDS or not when:
                used = used_bytes(self._content, name)
                self._sums[name] = (time.monotonic(), used)
            return used


def _uploads(content: Content) -> dict[str, tuple[str, int]]:
    """Unfinished uploads: identifier to repository and bytes that have come."""
    found = {}
    for identifier in content.medium.names(layout.UPLOADS):
        folder = layout.upload(identifier)
        about, entry = content.medium.read(f"{folder}/about"), content.medium.uploaded(folder)
        if about is not None and entry is not None:
            found[identifier] = str(json.loads(about)["repository"]), entry.size_bytes
    return found


def used_bytes(content: Content, repository: str = "") -> int:
    """The bytes of a repository's blobs and manifests, or of all blobs."""
    if not repository:
        return sum(entry.size_bytes for _, entry in content.digests("blobs"))
    below = layout.repository(repository)
    digests = {digest for kind in ("_blobs", "_manifests") for digest, _ in content.digests(f"{below}/{kind}")}
    entries = (content.medium.look(layout.blob(digest)) for digest in digests)
    return sum(entry.size_bytes for entry in entries if entry is not None)
