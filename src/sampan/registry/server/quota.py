"""How much a registry and each repository may hold.

What is stored is added up at most every few seconds, and what this process takes meanwhile is added to it; other
replicas' uploads are seen with the next sum. A blob counts once for the whole, and for each repository that has it.
"""

import threading
import time

from sampan.registry.server import layout
from sampan.registry.server.content import Content
from sampan.registry.server.problems import problem

_FRESH_SECONDS = 10


class Quota:
    def __init__(self, content: Content, total_bytes: int, repository_bytes: int) -> None:
        self._content, self._total, self._each = content, total_bytes, repository_bytes
        self._lock = threading.Lock()
        self._sums: dict[str, tuple[float, int]] = {}

    def check(self, repository: str, added_bytes: int) -> None:
        """Raises DENIED when so much more is too much."""
        for name, limit, what in (
            ("", self._total, "the registry"),
            (repository, self._each, f"repository {repository}"),
        ):
            if limit and self._used(name) + added_bytes > limit:
                raise problem(
                    "DENIED",
                    f"quota exceeded: {what} may hold {limit} bytes",
                    hint="delete tags that are not needed, then 'sampan registry gc'",
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


def used_bytes(content: Content, repository: str = "") -> int:
    """The bytes of a repository's blobs and manifests, or of all blobs."""
    if not repository:
        return sum(entry.size_bytes for _, entry in content.digests("blobs"))
    below = layout.repository(repository)
    digests = {digest for kind in ("_blobs", "_manifests") for digest, _ in content.digests(f"{below}/{kind}")}
    entries = (content.medium.look(layout.blob(digest)) for digest in digests)
    return sum(entry.size_bytes for entry in entries if entry is not None)
