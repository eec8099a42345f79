"""Where a cache is: a repository, or a folder in the form of an OCI layout. Blobs by digest, a manifest by name."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from sampan.errors import Corrupt, InvalidArgument, NotFound, Unavailable
from sampan.linux import files
from sampan.oci import manifest as manifests
from sampan.oci.digest import digest_of
from sampan.oci.manifest import Descriptor, Index
from sampan.oci.reference import Reference
from sampan.registry.client import Client, Repository, check_digest
from sampan.registry.upload import upload
from sampan.storage import tar

Connect = Callable[[], AbstractContextManager[Client]]
_REF_NAME = "org.opencontainers.image.ref.name"
_PIECE = 1 << 20
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class Place(Protocol):
    """Any thread may use it."""

    def manifest(self, wanted: str) -> tuple[bytes, str]:
        """A document, "" for the one that the place names, and its media type. Raises NotFound, Corrupt."""

    def small(self, descriptor: Descriptor, most: int) -> bytes:
        """A blob whole, checked. Raises NotFound, Corrupt."""

    def stream(self, digest: str) -> tar.Readable:
        """A blob to read from; what is read is not checked. Raises NotFound."""

    def has(self, digest: str) -> bool: ...

    def put(self, digest: str, file: int, size: int) -> None:
        """Keep a blob, the content of an open file."""

    def put_manifest(self, content: bytes, media_type: str) -> None: ...


class RegistryPlace:
    def __init__(self, client: Client, name: Reference, *, for_writing: bool = False) -> None:
        self._client, self._name = client, name
        self._repository: Repository = client.repository(name, for_writing=for_writing)

    def manifest(self, wanted: str) -> tuple[bytes, str]:
        found = self._repository.manifest(wanted or self._name.digest or self._name.tag)
        return found.content, found.media_type

    def small(self, descriptor: Descriptor, most: int) -> bytes:
        return self._repository.blob(descriptor, most)

    def stream(self, digest: str) -> tar.Readable:
        return self._repository.open_blob(digest)

    def has(self, digest: str) -> bool:
        return self._repository.has_blob(digest)

    def put(self, digest: str, file: int, size: int) -> None:
        def read(start: int, count: int) -> bytes:
            return os.pread(file, count, start)

        upload(self._repository, read, digest, size, self._client.options.patience)

    def put_manifest(self, content: bytes, media_type: str) -> None:
        self._repository.put_manifest(self._name.tag, content, media_type)


class FolderPlace:
    """Files are written whole beside their names before they have them, blobs first and the index last."""

    def __init__(self, path: str, tag: str, digest: str = "", *, for_writing: bool = False) -> None:
        self._path, self._tag, self._digest = path, tag, digest
        self._blobs = f"{path}/blobs/sha256"
        if for_writing:
            try:
                os.makedirs(self._blobs, exist_ok=True)
            except OSError as error:
                raise _unwritable(path, error) from error
        elif not os.path.isdir(path):
            raise NotFound(f"could not read {path}: no such folder", hint="--cache-to type=local,dest=PATH writes one")

    def manifest(self, wanted: str) -> tuple[bytes, str]:
        digest = wanted or self._digest
        if digest:
            return self._read(digest, manifests.MOST_BYTES), manifests.OCI_MANIFEST
        entries = [entry for entry in self._index().manifests if entry.annotations.get(_REF_NAME) == self._tag]
        if not entries:
            raise NotFound(f"could not read {self._path}: no cache is called {self._tag}")
        return self._read(entries[0].digest, manifests.MOST_BYTES), entries[0].media_type

    def small(self, descriptor: Descriptor, most: int) -> bytes:
        content = self._read(descriptor.digest, most)
        check_digest(content, descriptor)
        return content

    def stream(self, digest: str) -> tar.Readable:
        return open(self._open(digest), "rb")

    def has(self, digest: str) -> bool:
        return os.path.isfile(self._blob(digest))

    def put(self, digest: str, file: int, size: int) -> None:
        try:
            with _Written(self._blob(digest)) as target:
                position = 0
                while position < size and (piece := os.pread(file, _PIECE, position)):
                    target.write(piece)
                    position += len(piece)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def put_manifest(self, content: bytes, media_type: str) -> None:
        digest = digest_of(content)
        entry = Descriptor(media_type=media_type, digest=digest, size=len(content), annotations={_REF_NAME: self._tag})
        try:
            others = [one for one in self._index().manifests if one.annotations.get(_REF_NAME) != self._tag]
        except NotFound:
            others = []
        index = Index(media_type=manifests.OCI_INDEX, manifests=(*others, entry))
        written = (
            (self._blob(digest), content),
            (f"{self._path}/oci-layout", _LAYOUT),
            (f"{self._path}/index.json", msgspec.json.encode(index)),
        )
        try:
            for name, data in written:
                with _Written(name) as target:
                    target.write(data)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _index(self) -> Index:
        try:
            with open(self._regular("index.json"), "rb") as file:
                document = manifests.parse(file.read(manifests.MOST_BYTES + 1), manifests.OCI_INDEX)
        except FileNotFoundError as error:
            raise NotFound(f"could not read {self._path}: there is no index.json in it") from error
        except OSError as error:
            raise Corrupt(f"{self._path}/index.json: {(error.strerror or '').lower()}") from error
        if not isinstance(document, Index):
            raise Corrupt(f"{self._path}/index.json is no index")
        return document

    def _blob(self, digest: str) -> str:
        if not manifests.is_digest(digest) or not digest.startswith("sha256:"):
            raise InvalidArgument(f"{digest[:100]!r} is no digest", hint="sha256: and 64 digits")
        return f"{self._blobs}/{digest.partition(':')[2]}"

    def _regular(self, name: str) -> int:
        """A file of the folder, which no link leads out of. Raises OSError for what would have to be waited for."""
        folder = os.open(self._path, files.DIRECTORY)
        try:
            return files.open_regular(folder, name)
        finally:
            os.close(folder)

    def _open(self, digest: str) -> int:
        try:
            return self._regular(os.path.relpath(self._blob(digest), self._path))
        except OSError as error:
            raise NotFound(f"could not read {self._path}: {digest} is not in it") from error

    def _read(self, digest: str, most: int) -> bytes:
        with open(self._open(digest), "rb") as file:
            content = file.read(most + 1)
        if len(content) > most or digest_of(content) != digest:
            raise Corrupt(f"{self._path}: {digest} is damaged")
        return content


class _Written:
    """A file that has its name once it is whole."""

    def __init__(self, path: str) -> None:
        self._path, self._temporary = path, f"{path}.{os.urandom(8).hex()}"

    def __enter__(self) -> "_Written":
        self._file = open(self._temporary, "xb")
        return self

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def __exit__(self, kind: object, *rest: object) -> None:
        self._file.close()
        if kind is None:
            os.rename(self._temporary, self._path)
        else:
            os.unlink(self._temporary)


def _unwritable(path: str, error: OSError) -> Unavailable:
    return Unavailable(f"cannot write to {path}: {(error.strerror or '').lower()}")
