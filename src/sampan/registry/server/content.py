"""Blobs of repositories, and the promise that content which a client was told of stays until it refers to it.

A collection (`collection`) removes what nothing refers to. It never takes what a push relies on, because both sides
write before they read:

    a push        touches or writes its link,  then looks whether the content is condemned,  then whether it is there
    a collection  condemns the content,        then reads links and references,              then removes under its lock

Whoever finds content condemned takes its lock: the collection is done with it (it is gone, and the client uploads it),
or finds the mark gone (the content stays).
"""

import hashlib
import time
from collections.abc import Callable, Iterator

from sampan.linux import fault
from sampan.registry.server import layout
from sampan.registry.server.medium import Entry, Medium
from sampan.registry.server.problems import problem

RENEWED_AFTER_SECONDS = 300
"""A link that a client asks for is touched when it is older; far less than any collection's period of grace."""


class Content:
    """The blobs of all repositories on one medium."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium

    def find(self, repository: str, digest: str) -> Entry | None:
        """A blob that a repository has, to be read."""
        if self.medium.look(layout.blob_link(repository, digest)) is None:
            return None
        return self.medium.look(layout.blob(digest))

    def promise(self, link: str, digest: str) -> Entry | None:
        """The content behind a link, which stays for the next minutes, whatever is collected; None if not there."""
        found = self.medium.look(link)
        if found is None:
            return None
        if time.time() - found.modified > RENEWED_AFTER_SECONDS and not self.medium.touch(link):
            return None
        return self.settled(link, digest)

    def settled(self, link: str, digest: str) -> Entry | None:
        """The content of a fresh link, saved from a collection that condemned it; None, and no link, if it is gone."""
        if self.medium.look(layout.condemned(digest)) is None:
            return self.medium.look(layout.blob(digest))
        with self.medium.lock(digest):
            found = self.medium.look(layout.blob(digest))
            if found is not None and self.medium.look(link) is not None:
                self.medium.remove(layout.condemned(digest))
                return found
            self.medium.remove(link)
            return None

    def mount(self, source: str, target: str, digest: str) -> bool:
        """Give `target` a blob that `source` has; False when `source` does not have it."""
        if self.medium.look(layout.blob_link(source, digest)) is None:
            return False
        link = layout.blob_link(target, digest)
        self.know(target)
        self.medium.write(link, b"")
        fault.point("registry-mount.linked")
        if self.settled(link, digest) is None:
            self.medium.remove(link)
            return False
        return True

    def adopt(self, repository: str, digest: str, place: Callable[[str], None]) -> None:
        """Make content a blob of a repository. `place` puts it under the key that it is given, when it is not there."""
        self.know(repository)
        with self.medium.lock(digest):
            self._place(digest, place)
            self.medium.write(layout.blob_link(repository, digest), b"")
            fault.point("registry-blob.linked")

    def _place(self, digest: str, place: Callable[[str], None]) -> None:
        """Under the lock of `digest`: the content is there, and not condemned."""
        key = layout.blob(digest)
        if self.medium.look(key) is None:
            place(key)
            fault.point("registry-blob.placed")
        self.uncondemn(digest)

    def uncondemn(self, digest: str) -> None:
        if self.medium.look(layout.condemned(digest)) is not None:
            self.medium.remove(layout.condemned(digest))

    def place_document(self, digest: str, data: bytes) -> None:
        """Under the lock of `digest`: a manifest's bytes are there, and not condemned."""
        self._place(digest, lambda key: self.medium.write(key, data))

    def unlink(self, repository: str, digest: str) -> None:
        """Take a blob from a repository. Raises BLOB_UNKNOWN."""
        link = layout.blob_link(repository, digest)
        if self.medium.look(link) is None:
            raise unknown_blob(digest)
        self.medium.remove(link)

    def know(self, repository: str) -> None:
        if self.medium.look(layout.known(repository)) is None:
            self.medium.write(layout.known(repository), b"")

    def cache(self, repository: str) -> None:
        """Make a repository, if need be, that comes from an upstream."""
        self.know(repository)
        if not self.is_cached(repository):
            self.medium.write(layout.cached(repository), b"")

    def is_cached(self, repository: str) -> bool:
        return self.medium.look(layout.cached(repository)) is not None

    def is_known(self, repository: str) -> bool:
        return self.medium.look(layout.known(repository)) is not None

    def repositories(self) -> list[str]:
        """The names of all repositories, sorted."""
        return sorted(self._below("repositories", ""))

    def _below(self, folder: str, name: str) -> Iterator[str]:
        for entry in self.medium.names(folder):
            if entry == "_known":
                yield name
            elif not entry.startswith("_"):
                yield from self._below(f"{folder}/{entry}", f"{name}/{entry}" if name else entry)

    def digests(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """Digest and entry of what lies as ALGORITHM/HEX below a folder."""
        for algorithm in layout.HEX_DIGITS:
            for name, entry in self.medium.sizes(f"{folder}/{algorithm}"):
                digest = f"{algorithm}:{name}"
                if layout.is_digest(digest):
                    yield digest, entry


def unknown_blob(digest: str) -> Exception:
    return problem("BLOB_UNKNOWN", "blob unknown to registry", detail={"digest": digest})


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
