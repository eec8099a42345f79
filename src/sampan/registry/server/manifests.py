"""Manifests, tags and referrers of repositories (distribution-spec, "Pushing Manifests", "Listing Referrers")."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from sampan.errors import SampanError
from sampan.linux import fault
from sampan.oci import manifest as documents
from sampan.registry.server import layout
from sampan.registry.server.content import RENEWED_AFTER_SECONDS, Content, digest_of
from sampan.registry.server.medium import Medium
from sampan.registry.server.problems import problem
from sampan.values import NamedTuple

_MOST_ANNOTATION_BYTES = 16 << 10


class Stored(NamedTuple):
    """A manifest as it was pushed."""

    digest: str
    media_type: str
    data: bytes


class Named(NamedTuple):
    """What a manifest refers to: blobs, manifests (each must be there), and the one that it is about ("" for none)."""

    blobs: tuple[str, ...]
    manifests: tuple[str, ...]
    subject: str


class Manifests:
    def __init__(self, content: Content) -> None:
        self.content = content
        self.medium: Medium = content.medium

    def resolve(self, repository: str, reference: str) -> str:
        """The digest that a tag or digest means. Raises MANIFEST_UNKNOWN, NAME_UNKNOWN, DIGEST_INVALID."""
        if ":" in reference:
            digest = layout.checked_digest(reference)
        else:
            if not layout.is_tag(reference):
                raise problem("MANIFEST_INVALID", f"invalid tag: {reference[:200]}")
            digest = (self.medium.read(layout.tag(repository, reference)) or b"").decode()
        if not digest or self.medium.look(layout.manifest_link(repository, digest)) is None:
            raise self._unknown(repository, reference)
        return digest

    def get(self, repository: str, reference: str, *, promised: bool = False) -> Stored:
        """A manifest by tag or digest. `promised`: it stays for the next minutes, as what a push is told of does."""
        digest = self.resolve(repository, reference)
        link = layout.manifest_link(repository, digest)
        if promised and self.content.promise(link, digest) is None:
            raise self._unknown(repository, reference)
        media_type, data = self.medium.read(link), self.medium.read(layout.blob(digest))
        if media_type is None or data is None:
            raise self._unknown(repository, reference)
        return Stored(digest, media_type.decode(), data)

    def _unknown(self, repository: str, reference: str) -> Exception:
        if not self.content.is_known(repository):
            return unknown_name(repository)
        return problem("MANIFEST_UNKNOWN", "manifest unknown", detail={"reference": reference})

    def put(self, repository: str, digest: str, media_type: str, data: bytes, tags: Sequence[str]) -> Named:
        """Store a manifest whose bytes have this digest, and tag it. Raises MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN."""
        named = read_document(data, media_type)
        pin = layout.pin(os.urandom(16).hex())
        self.medium.write(pin, "\n".join((digest, *named.blobs, *named.manifests)).encode(), is_durable=False)
        fault.point("registry-manifest.pinned")
        try:
            self._check(repository, named)
            self.content.know(repository)
            with self.medium.lock(digest):
                self._store(repository, digest, media_type, data, named)
                for tag in tags:
                    self._tag(repository, tag, digest)
        finally:
            self.medium.remove(pin)
        fault.point("registry-manifest.unpinned")
        return named

    def cache(self, repository: str, digest: str, media_type: str, data: bytes, tags: Sequence[str]) -> None:
        """Store what an upstream has: what it names may come later, or never. Raises MANIFEST_INVALID."""
        named = read_document(data, media_type)
        self.content.cache(repository)
        with self.medium.lock(digest):
            self._store(repository, digest, media_type, data, named)
        for tag in tags:
            self.retag(repository, tag, digest)

    def retag(self, repository: str, tag: str, digest: str) -> None:
        """A tag of an upstream means this manifest at this moment."""
        with self.medium.lock(f"tags:{repository}"):
            self.medium.write(layout.tag(repository, tag), digest.encode())

    def _check(self, repository: str, named: Named) -> None:
        """Everything that the manifest names is in the repository, and stays."""
        missing = [
            {"digest": digest}
            for digests, link in ((named.blobs, layout.blob_link), (named.manifests, layout.manifest_link))
            for digest in dict.fromkeys(digests)
            if self.content.promise(link(repository, digest), digest) is None
        ]
        if missing:
            raise problem("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", detail=missing)

    def _store(self, repository: str, digest: str, media_type: str, data: bytes, named: Named) -> None:
        self.content.place_document(digest, data)
        link = layout.manifest_link(repository, digest)
        found = self.medium.look(link)
        if (
            found is None
            or time.time() - found.modified > RENEWED_AFTER_SECONDS
            or self.medium.read(link) != media_type.encode()
        ):
            self.medium.write(link, media_type.encode())
        fault.point("registry-manifest.linked")
        if named.subject:
            described = json.dumps(describe(Stored(digest, media_type, data)), separators=(",", ":")).encode()
            self.medium.write(layout.referrer(repository, named.subject, digest), described)
            fault.point("registry-manifest.referred")

    def _tag(self, repository: str, tag: str, digest: str) -> None:
        with self.medium.lock(f"tags:{repository}"):
            key = layout.tag(repository, tag)
            if self.medium.read(key) != digest.encode():
                self.medium.write(key, digest.encode())
        fault.point("registry-manifest.tagged")

    def untag(self, repository: str, tag: str) -> None:
        """Remove a tag, and nothing else. Raises MANIFEST_UNKNOWN."""
        key = layout.tag(repository, tag)
        with self.medium.lock(f"tags:{repository}"):
            if self.medium.look(key) is None:
                raise self._unknown(repository, tag)
            self.medium.remove(key)

    def delete(self, repository: str, digest: str) -> None:
        """Remove a manifest and the tags that mean it; the collection takes its blobs. Raises MANIFEST_UNKNOWN."""
        link = layout.manifest_link(repository, digest)
        with self.medium.lock(digest):
            if self.medium.look(link) is None:
                raise self._unknown(repository, digest)
            self._untag_all(repository, digest)
            fault.point("registry-delete.untagged")
            self.unlink(repository, digest)

    def unlink(self, repository: str, digest: str) -> None:
        """Under the lock of `digest`, which no tag means: the repository has it no more."""
        data = self.medium.read(layout.blob(digest))
        self.medium.remove(layout.manifest_link(repository, digest))
        fault.point("registry-delete.unlinked")
        subject = read_document(data, "").subject if data is not None else ""
        if subject:
            self.medium.remove(layout.referrer(repository, subject, digest))

    def _untag_all(self, repository: str, digest: str) -> None:
        with self.medium.lock(f"tags:{repository}"):
            for tag in self.tags(repository):
                key = layout.tag(repository, tag)
                if self.medium.read(key) == digest.encode():
                    self.medium.remove(key)

    def tags(self, repository: str) -> list[str]:
        """All tags in lexical order."""
        return [name for name in self.medium.names(f"{layout.repository(repository)}/_tags") if layout.is_tag(name)]

    def tagged(self, repository: str) -> dict[str, str]:
        """The digest of each tag."""
        found = {tag: self.medium.read(layout.tag(repository, tag)) for tag in self.tags(repository)}
        return {tag: digest.decode() for tag, digest in found.items() if digest}

    def digests(self, repository: str) -> list[str]:
        """The digests of all manifests of a repository."""
        return [digest for digest, _ in self.content.digests(f"{layout.repository(repository)}/_manifests")]

    def named_by(self, digest: str) -> Named | None:
        """What a stored manifest refers to; None when its bytes are not there."""
        data = self.medium.read(layout.blob(digest))
        return None if data is None else read_document(data, "")

    def referrers(self, repository: str, subject: str, artifact_type: str = "") -> list[dict[str, Any]]:
        """Descriptors of the manifests about `subject`, those of the fallback's tag included, in the digests' order."""
        found: dict[str, dict[str, Any]] = {}
        for descriptor in (*self._kept(repository, subject), *self._fallback(repository, subject)):
            digest = descriptor["digest"]
            if self.medium.look(layout.manifest_link(repository, digest)) is not None:
                found.setdefault(digest, descriptor)
        return [
            found[digest]
            for digest in sorted(found)
            if not artifact_type or found[digest].get("artifactType") == artifact_type
        ]

    def _kept(self, repository: str, subject: str) -> Iterator[dict[str, Any]]:
        for name in self.medium.names(layout.referrers(repository, subject)):
            data = self.medium.read(layout.referrer(repository, subject, layout.undashed(name)))
            if data is not None:
                yield json.loads(data)

    def _fallback(self, repository: str, subject: str) -> Iterator[dict[str, Any]]:
        """What clients wrote for registries without the API, before the manifests were copied here."""
        digest = (self.medium.read(layout.tag(repository, layout.fallback_tag(subject))) or b"").decode()
        data = self.medium.read(layout.blob(digest)) if digest else None
        if data is None:
            return
        document = documents.parse(data)
        for descriptor in document.manifests if isinstance(document, documents.Index) else ():
            yield msgspec.to_builtins(descriptor)


def unknown_name(repository: str) -> Exception:
    return problem("NAME_UNKNOWN", "repository name not known to registry", detail={"name": repository})


def read_document(data: bytes, media_type: str) -> Named:
    """What a manifest refers to. Raises MANIFEST_INVALID.

    `media_type` is the carrier's, "" for what is stored. It is sent back as it came, so it must be one of a manifest:
    as text/html the document would be a page of this site. Layers that are fetched from elsewhere ("foreign") need not
    be here.
    """
    if media_type and media_type.partition(";")[0].strip().lower() not in documents.ACCEPTED:
        raise problem("MANIFEST_INVALID", f"{media_type[:100]!r} is no type of a manifest")
    try:
        document = documents.parse(data, media_type)
    except SampanError as error:
        raise problem("MANIFEST_INVALID", error.message, hint=error.hint) from None
    if isinstance(document, documents.Index):
        blobs: tuple[str, ...] = ()
        manifests = tuple(entry.digest for entry in document.manifests)
    else:
        blobs = (document.config.digest, *(layer.digest for layer in document.layers if not layer.is_foreign))
        manifests = ()
    subject = document.subject.digest if document.subject else ""
    for digest in (*blobs, *manifests, subject):
        if digest and not layout.is_digest(digest):
            raise problem("MANIFEST_INVALID", f"unsupported digest: {digest}", hint="sha256 and sha512 are supported")
    return Named(blobs, manifests, subject)


def describe(stored: Stored) -> dict[str, Any]:
    """The descriptor of a manifest in a list of referrers: an image without an artifact type has its config's.

    Every page of a list is cut from all its descriptors: one with very large annotations has none, and a client finds
    them in the manifest.
    """
    document = documents.parse(stored.data, stored.media_type)
    artifact_type = document.artifact_type
    if not artifact_type and isinstance(document, documents.Manifest):
        artifact_type = document.config.media_type
    described: dict[str, Any] = {"mediaType": stored.media_type, "digest": stored.digest, "size": len(stored.data)}
    if artifact_type:
        described["artifactType"] = artifact_type
    if document.annotations and len(json.dumps(document.annotations)) <= _MOST_ANNOTATION_BYTES:
        described["annotations"] = document.annotations
    return described


def check_digest(data: bytes, digest: str) -> None:
    """Raises DIGEST_INVALID when the bytes have another digest."""
    if digest_of(data, digest.partition(":")[0]) != digest:
        raise problem("DIGEST_INVALID", "provided digest did not match uploaded content", detail={"digest": digest})
