"""Prove that a registry is whole: every tag has its manifest, every manifest what it names, every content its digest.

A registry in use changes under the proof: what seems to be missing is looked at a second time before it is said.
"""

import hashlib
from collections.abc import Callable, Iterator

import msgspec

from sampan.registry.server import layout
from sampan.registry.server.content import Content
from sampan.registry.server.manifests import Manifests
from sampan.registry.server.medium import Medium
from sampan.registry.server.problems import Problem


class Findings(msgspec.Struct, kw_only=True):
    """What was looked at, and what is wrong, one sentence each."""

    repositories: int = 0
    tags: int = 0
    manifests: int = 0
    blobs: int = 0
    checked_bytes: int = 0
    problems: list[str] = []


def verify(medium: Medium, *, reads_contents: bool = True) -> Findings:
    """Look at everything; `reads_contents` computes the digest of every blob."""
    return _Verification(medium, reads_contents).run()


class _Verification:
    def __init__(self, medium: Medium, reads_contents: bool) -> None:
        self._medium, self._reads = medium, reads_contents
        self._content = Content(medium)
        self._manifests = Manifests(self._content)
        self._findings = Findings(problems=[])

    def run(self) -> Findings:
        for repository in self._content.repositories():
            self._findings.repositories += 1
            for check in (self._tags, self._documents):
                self._findings.problems += check(repository)
        for digest, entry in self._content.digests("blobs"):
            self._findings.blobs += 1
            if self._reads:
                self._check_content(digest, entry.size_bytes)
        return self._findings

    def _tags(self, repository: str) -> Iterator[str]:
        for tag, digest in self._manifests.tagged(repository).items():
            self._findings.tags += 1

            def dangles(tag: str = tag, digest: str = digest) -> bool:
                is_there = layout.is_digest(digest) and self._has(layout.manifest_link(repository, digest))
                return not is_there and self._manifests.tagged(repository).get(tag) == digest

            if _twice(dangles):
                yield f"{repository}:{tag}: its manifest {digest[:140]} is not there"

    def _documents(self, repository: str) -> Iterator[str]:
        for digest in self._manifests.digests(repository):
            self._findings.manifests += 1
            link = layout.manifest_link(repository, digest)

            def lost(link: str = link, digest: str = digest) -> bool:
                return not self._has(layout.blob(digest)) and self._has(link)

            if _twice(lost):
                yield f"{repository}@{digest}: its content is not there"
                continue
            try:
                named = self._manifests.named_by(digest)
            except Problem as problem:
                yield f"{repository}@{digest}: {problem.message}"
                continue
            if named is None or self._content.is_cached(repository):
                continue
            for items, make in ((named.blobs, layout.blob_link), (named.manifests, layout.manifest_link)):
                for item in dict.fromkeys(items):

                    def missing(link: str = link, item: str = item, make: Callable[[str, str], str] = make) -> bool:
                        there = self._has(make(repository, item)) and self._has(layout.blob(item))
                        return not there and self._has(link)

                    if _twice(missing):
                        yield f"{repository}@{digest}: {item}, which it names, is not there"

    def _has(self, key: str) -> bool:
        return self._medium.look(key) is not None

    def _check_content(self, digest: str, size_bytes: int) -> None:
        found = hashlib.new(digest.partition(":")[0], usedforsecurity=False)
        try:
            for chunk in self._medium.chunks(layout.blob(digest), 0, size_bytes):
                found.update(chunk)
        except FileNotFoundError:
            return  # collected meanwhile: whoever names it was asked above
        self._findings.checked_bytes += size_bytes
        if found.hexdigest() != digest.partition(":")[2]:
            self._findings.problems.append(f"{digest}: its content is not that of its digest")


def _twice(condition: Callable[[], bool]) -> bool:
    return condition() and condition()
