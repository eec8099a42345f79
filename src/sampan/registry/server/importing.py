"""Fill a registry without a network: images of an OCI layout, a folder or a tar of one, go straight into its medium.

It may be in use: each manifest is put as a push would put it.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator
from typing import IO, Any, Protocol

from sampan.errors import Corrupt, InvalidArgument, NotFound
from sampan.oci import manifest as documents
from sampan.registry.server import layout
from sampan.registry.server.content import Content, digest_of
from sampan.registry.server.manifests import Manifests
from sampan.registry.server.medium import Medium
from sampan.registry.server.problems import Problem
from sampan.registry.server.uploads import Uploads
from sampan.values import NamedTuple

_NAME = "org.opencontainers.image.ref.name"
_CONTAINERD_NAME = "io.containerd.image.name"
_CHUNK = 1 << 20
_DEEPEST = 8
_LARGEST_INDEX = 16 << 20


class Imported(NamedTuple):
    """What came: a name in the registry, and the digest of what it means."""

    name: str
    digest: str


class Source(Protocol):
    """An OCI layout."""

    def open(self, path: str) -> IO[bytes]:
        """A file of the layout. Raises NotFound."""

    def close(self) -> None: ...


def import_layout(medium: Medium, path: str, name: str = "") -> list[Imported]:
    """Put every image of the layout at `path`; `name` is REPOSITORY[:TAG] for one, else the layout's names are taken.

    Raises InvalidArgument where there is no name for an image, or one that a registry can't have; Corrupt for content
    that does not have its digest.
    """
    source = _open(path)
    try:
        return list(_Import(medium, source).run(name))
    except Problem as problem:
        raise Corrupt(f"{path}: {problem.message}") from None
    finally:
        source.close()


def target(text: str, name: str) -> tuple[str, str]:
    """Repository and tag for an image that its layout calls `text`, where `name` was asked for ("": nothing) (pure).

    A layout names an image as a whole reference, as a repository and tag, or by a tag alone, which needs a `name`.
    """
    wanted = name or text
    repository, colon, tag = wanted.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = wanted, ""
    if name and not tag:
        tag = text.rpartition(":")[2] if text and "/" not in text.rpartition(":")[2] else "latest"
    first, slash, rest = repository.partition("/")
    if slash and not name and ("." in first or ":" in first or first == "localhost"):
        repository = rest
    try:
        layout.checked_name(repository)
    except Problem:
        raise InvalidArgument(
            f"the image {text or '(without a name)'} needs a name in the registry",
            hint="for example: sampan registry import --name team/app:1.0 STORE FILE",
        ) from None
    if not layout.is_tag(tag or "latest"):
        raise InvalidArgument(f"{tag!r} is no tag")
    return repository, tag or "latest"


class _Import:
    def __init__(self, medium: Medium, source: Source) -> None:
        self._source = source
        self._content = Content(medium)
        self._manifests = Manifests(self._content)
        self._uploads = Uploads(self._content)

    def run(self, name: str) -> Iterator[Imported]:
        entries = self._index()
        if name and len(entries) > 1:
            raise InvalidArgument(f"the layout has {len(entries)} images: --name is for one")
        if not entries:
            raise NotFound("the layout has no image")
        for entry in entries:
            annotations = entry.get("annotations") or {}
            own = annotations.get(_CONTAINERD_NAME) or annotations.get(_NAME) or ""
            repository, tag = target(own, name)
            digest = layout.checked_digest(str(entry.get("digest", "")))
            self._document(repository, digest, str(entry.get("mediaType", "")), [tag], 0)
            yield Imported(f"{repository}:{tag}", digest)

    def _index(self) -> list[dict[str, Any]]:
        with self._source.open("index.json") as file:
            data = file.read(_LARGEST_INDEX + 1)
        try:
            found = json.loads(data)["manifests"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Corrupt("index.json of the layout can't be read") from None
        if (
            len(data) > _LARGEST_INDEX
            or not isinstance(found, list)
            or not all(isinstance(item, dict) for item in found)
        ):
            raise Corrupt("index.json of the layout can't be read")
        return found

    def _document(self, repository: str, digest: str, media_type: str, tags: list[str], depth: int) -> None:
        """Put a manifest, and before it all that it names."""
        if depth > _DEEPEST:
            raise Corrupt("indexes are nested too deep")
        with self._source.open(layout.blob(digest)) as file:
            data = file.read(documents.MOST_BYTES + 1)
        if digest_of(data, digest.partition(":")[0]) != digest:
            raise Corrupt(f"the content of {digest} is not that of its digest")
        document = documents.parse(data, media_type)
        if isinstance(document, documents.Index):
            for entry in document.manifests:
                self._document(repository, layout.checked_digest(entry.digest), entry.media_type, [], depth + 1)
        else:
            for part in (document.config, *document.layers):
                if not part.is_foreign:
                    self._blob(repository, layout.checked_digest(part.digest))
        self._manifests.put(repository, digest, document.media_type or media_type, data, tags)

    def _blob(self, repository: str, digest: str) -> None:
        if self._content.promise(layout.blob_link(repository, digest), digest) is not None:
            return
        found = hashlib.new(digest.partition(":")[0], usedforsecurity=False)
        identifier = self._uploads.begin(repository, digest.partition(":")[0])
        receiving = self._uploads.append(identifier, 0)
        try:
            with self._source.open(layout.blob(digest)) as file:
                while piece := file.read(_CHUNK):
                    found.update(piece)
                    receiving.write([piece])
        finally:
            receiving.close()
        self._uploads.finish(repository, identifier, digest)


class _Folder:
    def __init__(self, path: str) -> None:
        self._path = path

    def open(self, path: str) -> IO[bytes]:
        try:
            return open(os.open(f"{self._path}/{path}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb")
        except FileNotFoundError:
            raise NotFound(f"{self._path}: {path} is not there", hint="an OCI layout is wanted") from None

    def close(self) -> None:
        pass


class _Archive:
    """A tar of a layout, also a compressed one; members are read where they lie."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._tar = tarfile.open(path)  # noqa: SIM115 - `close` closes it
        except tarfile.TarError as error:
            raise InvalidArgument(f"{path}: {error}", hint="a tar of an OCI layout is wanted") from None
        self._members = {item.name.removeprefix("./"): item for item in self._tar if item.isreg()}

    def open(self, path: str) -> IO[bytes]:
        member = self._members.get(path)
        file = self._tar.extractfile(member) if member is not None else None
        if file is None:
            raise NotFound(f"{self._path}: {path} is not in it", hint="an OCI layout is wanted")
        return file

    def close(self) -> None:
        self._tar.close()


def _open(path: str) -> Source:
    if os.path.isdir(path):
        return _Folder(path)
    if not os.path.exists(path):
        raise NotFound(f"{path}: no such file or folder")
    return _Archive(path)
