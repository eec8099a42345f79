"""Garbage collection while the registry is in use: what nothing refers to any more is removed, what a push may be
about to refer to never is. `content` tells why that is safe.

    look            links, references and contents of the whole registry
    condemn         what no manifest of a repository names, and is older than the period of grace
    look again      at what is pinned and named by then
    remove          each under its lock, if it is still condemned: links, then content, then the mark

A collection that is killed leaves marks, which the next one takes up, or orphans, which it finds.
"""

import json
import time
from collections.abc import Collection, Iterable

import msgspec

from sampan.linux import fault
from sampan.registry.server import layout
from sampan.registry.server.content import Content
from sampan.registry.server.manifests import Manifests, Named
from sampan.registry.server.medium import Medium
from sampan.registry.server.uploads import Uploads
from sampan.values import NamedTuple

_HOUR = 3600


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`grace_seconds`: what is younger stays. `removes_untagged`: manifests that no tag leads to are garbage too.

    `cached_seconds`: what came from an upstream, and was not asked for so long, goes; 0: it stays.
    """

    grace_seconds: float = 2 * _HOUR
    upload_seconds: float = 7 * 24 * _HOUR
    removes_untagged: bool = False
    cached_seconds: float = 0
    is_dry_run: bool = False


class Report(msgspec.Struct, kw_only=True):
    """What was removed, or would be."""

    manifests: list[str] = []
    blobs: list[str] = []
    links: int = 0
    uploads: int = 0
    freed_bytes: int = 0


class Candidate(NamedTuple):
    """A link that nothing needs; without a repository, content that has no link."""

    repository: str
    digest: str
    is_manifest: bool

    @property
    def link(self) -> str:
        make = layout.manifest_link if self.is_manifest else layout.blob_link
        return make(self.repository, self.digest)


class View:
    """What the registry holds at one look: links by repository, and what their manifests name.

    `condemned` is None at the first look. At the second, manifests not among them are kept, and what they name:
    they came in between, or have lost their tag in between, and are the next collection's.
    """

    def __init__(self, manifests: Manifests, options: Options, condemned: Collection[Candidate] | None = None) -> None:
        self._manifests, self._options, self._condemned = manifests, options, condemned
        self.pinned = _pinned(manifests.medium, options)
        self.candidates: list[Candidate] = []
        self.linked: set[str] = set()
        self.named: dict[str, set[str]] = {}
        for repository in manifests.content.repositories():
            self._look(repository)

    def _look(self, repository: str) -> None:
        below = layout.repository(repository)
        content, limit = self._manifests.content, time.time() - self._options.grace_seconds
        links = dict(content.digests(f"{below}/_manifests"))
        documents = {digest: self._manifests.named_by(digest) for digest in links}
        kept, ends = set(links), self._options.removes_untagged
        if self._options.cached_seconds and content.is_cached(repository):
            ends, limit = True, min(limit, time.time() - self._options.cached_seconds)
        if ends:
            spared = {digest for digest, entry in links.items() if entry.modified > limit}
            if self._condemned is not None:
                spared |= {item for item in links if Candidate(repository, item, True) not in self._condemned}
            kept = reachable(documents, spared | self.pinned | set(self._manifests.tagged(repository).values()))
        named = {item for digest in kept if (found := documents[digest]) for item in (*found.blobs, *found.manifests)}
        self.named[repository] = named | kept
        self.linked |= set(links)
        self.candidates += [Candidate(repository, digest, True) for digest in links if digest not in kept]
        for digest, entry in content.digests(f"{below}/_blobs"):
            self.linked.add(digest)
            if digest not in named and digest not in self.pinned and entry.modified <= limit:
                self.candidates.append(Candidate(repository, digest, False))

    def needs(self, candidate: Candidate) -> bool:
        return candidate.digest in self.pinned or candidate.digest in self.named.get(candidate.repository, ())


def reachable(documents: dict[str, Named | None], roots: Iterable[str]) -> set[str]:
    """The manifests that roots lead to: those of an index, and those about one that is kept (pure)."""
    about: dict[str, list[str]] = {}
    for digest, named in documents.items():
        if named is not None and named.subject:
            about.setdefault(named.subject, []).append(digest)
    found: set[str] = set()
    rest = [digest for digest in roots if digest in documents]
    while rest:
        digest = rest.pop()
        if digest in found:
            continue
        found.add(digest)
        named = documents[digest]
        following = (*(named.manifests if named else ()), *about.get(digest, ()))
        rest += [item for item in following if item in documents]
    return found


def height(documents: dict[str, Named | None], digest: str, depth: int = 0) -> int:
    """How many steps lead down from a manifest through those that it names (pure)."""
    named = documents.get(digest)
    if named is None or depth > 8:
        return 0
    return 1 + max((height(documents, item, depth + 1) for item in named.manifests if item != digest), default=0)


def collect(medium: Medium, options: Options) -> Report | None:
    """Remove what nothing needs; None when another collection is at work on this medium."""
    with medium.lock("collection", waits=False) as is_mine:
        if not is_mine:
            return None
        return _Collection(medium, options).run()


class _Collection:
    def __init__(self, medium: Medium, options: Options) -> None:
        self._medium, self._options = medium, options
        self._content = Content(medium)
        self._manifests = Manifests(self._content)
        self._report = Report(manifests=[], blobs=[])

    def run(self) -> Report:
        self._end_uploads()
        self._forget_tags()
        view = View(self._manifests, self._options)
        candidates = [*view.candidates, *self._orphans(view)]
        if self._options.is_dry_run:
            for candidate in candidates:
                self._count(candidate)
            self._count_contents(view, candidates)
            return self._report
        stale = [layout.undashed(name) for name in self._medium.names(layout.CONDEMNED)]
        digests = list(dict.fromkeys([*(item.digest for item in candidates), *filter(layout.is_digest, stale)]))
        for digest in digests:
            self._medium.write(layout.condemned(digest), b"", is_durable=False)
            fault.point("registry-gc.condemned")
        if digests:
            self._remove(candidates, digests, View(self._manifests, self._options, set(candidates)))
        self._write_index()
        self._medium.tidy(max(self._options.grace_seconds, self._options.upload_seconds, _HOUR))
        return self._report

    def _forget_tags(self) -> None:
        """Tags of an upstream that nobody has asked for: each question sets their time."""
        if not self._options.cached_seconds or self._options.is_dry_run:
            return
        limit = time.time() - self._options.cached_seconds
        for repository in filter(self._content.is_cached, self._content.repositories()):
            for tag in self._manifests.tags(repository):
                key = layout.tag(repository, tag)
                with self._medium.lock(f"tags:{repository}"):
                    entry = self._medium.look(key)
                    if entry is not None and entry.modified <= limit:
                        self._medium.remove(key)
                        fault.point("registry-gc.forgotten")

    def _orphans(self, view: View) -> list[Candidate]:
        """Content that no repository has: an upload was stopped right before it was linked."""
        limit = time.time() - self._options.grace_seconds
        return [
            Candidate("", digest, False)
            for digest, entry in self._content.digests("blobs")
            if digest not in view.linked and entry.modified <= limit
        ]

    def _remove(self, candidates: list[Candidate], digests: list[str], view: View) -> None:
        """Manifests first, those that name others before these: what stays against all odds keeps what it names."""
        manifests = [item for item in candidates if item.is_manifest]
        named = {item.digest: self._manifests.named_by(item.digest) for item in manifests}
        kept: set[tuple[str, str]] = set()
        for candidate in sorted(manifests, key=lambda item: -height(named, item.digest)):
            is_kept = view.needs(candidate) or (candidate.repository, candidate.digest) in kept
            if is_kept or not self._unlink(candidate):
                found = named[candidate.digest]
                kept |= {(candidate.repository, item) for item in ((*found.blobs, *found.manifests) if found else ())}
        for candidate in candidates:
            is_blob = candidate.repository and not candidate.is_manifest
            if is_blob and not view.needs(candidate) and (candidate.repository, candidate.digest) not in kept:
                self._unlink(candidate)
        still = self._links()
        for digest in digests:
            self._free(digest, digest in still or digest in view.pinned)

    def _unlink(self, candidate: Candidate) -> bool:
        """Take the content from its repository; False when a push has claimed it since it was condemned."""
        with self._medium.lock(candidate.digest):
            if self._medium.look(layout.condemned(candidate.digest)) is None or not self._is_old(candidate.link):
                return False
            if candidate.is_manifest:
                self._manifests.unlink(candidate.repository, candidate.digest)
            else:
                self._medium.remove(candidate.link)
        fault.point("registry-gc.unlinked")
        self._count(candidate)
        return True

    def _is_old(self, key: str) -> bool:
        entry = self._medium.look(key)
        return entry is not None and entry.modified <= time.time() - self._options.grace_seconds

    def _links(self) -> set[str]:
        """Every digest that some repository has."""
        return {
            digest
            for repository in self._content.repositories()
            for kind in ("_blobs", "_manifests")
            for digest, _ in self._content.digests(f"{layout.repository(repository)}/{kind}")
        }

    def _free(self, digest: str, is_linked: bool) -> None:
        """Remove content that nobody has, and the mark."""
        with self._medium.lock(digest):
            mark = layout.condemned(digest)
            if self._medium.look(mark) is None:
                return
            key = layout.blob(digest)
            if not is_linked and self._is_old(key):
                self._count_content(digest)
                self._medium.remove(key)
                fault.point("registry-gc.freed")
            self._medium.remove(mark)

    def _count(self, candidate: Candidate) -> None:
        if candidate.is_manifest:
            self._report.manifests.append(f"{candidate.repository}@{candidate.digest}")
        elif candidate.repository:
            self._report.links += 1

    def _count_content(self, digest: str) -> None:
        entry = self._medium.look(layout.blob(digest))
        self._report.blobs.append(digest)
        self._report.freed_bytes += entry.size_bytes if entry else 0

    def _count_contents(self, view: View, candidates: list[Candidate]) -> None:
        """For a dry run: what would have no link left."""
        leaving = {(item.repository, item.digest) for item in candidates}
        for digest in dict.fromkeys(item.digest for item in candidates):
            kept = any(
                (repository, digest) not in leaving and self._has(repository, digest) for repository in view.named
            )
            if not kept and digest not in view.pinned and self._is_old(layout.blob(digest)):
                self._count_content(digest)

    def _has(self, repository: str, digest: str) -> bool:
        links = (layout.blob_link(repository, digest), layout.manifest_link(repository, digest))
        return any(self._medium.look(link) is not None for link in links)

    def _end_uploads(self) -> None:
        uploads = Uploads(self._content)
        for identifier in uploads.expired(self._options.upload_seconds):
            self._report.uploads += 1
            if not self._options.is_dry_run:
                uploads.cancel(identifier)
                fault.point("registry-gc.upload")

    def _write_index(self) -> None:
        """The layout's index: every tag, as tools that read a layout name it."""
        entries = []
        for repository in self._content.repositories():
            for tag, digest in self._manifests.tagged(repository).items():
                media_type = self._medium.read(layout.manifest_link(repository, digest))
                entry = self._medium.look(layout.blob(digest))
                if media_type is not None and entry is not None:
                    name = {"org.opencontainers.image.ref.name": f"{repository}:{tag}"}
                    described = {"mediaType": media_type.decode(), "digest": digest, "size": entry.size_bytes}
                    entries.append({**described, "annotations": name})
        document = {"schemaVersion": 2, "manifests": entries}
        self._medium.write(layout.INDEX, json.dumps(document, separators=(",", ":")).encode() + b"\n")
        fault.point("registry-gc.indexed")


def _pinned(medium: Medium, options: Options) -> set[str]:
    """What manifests that are being put refer to. A pin older than any put was left by a process that is gone."""
    found: set[str] = set()
    limit = time.time() - max(options.grace_seconds, _HOUR)
    for name, entry in medium.sizes(layout.PINS):
        key = layout.pin(name)
        if entry.modified < limit:
            if not options.is_dry_run:
                medium.remove(key)
            continue
        found.update((medium.read(key) or b"").decode().split())
    return found
