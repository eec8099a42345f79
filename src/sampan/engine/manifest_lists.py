"""Lists of manifests, put together here and pushed: `docker manifest`. One name, an image for each platform.

What is being put together lies as JSON in the folder `manifests` beside config.json, until it is pushed with `purge` or
removed.
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from urllib.parse import quote

import msgspec

from sampan.engine.transfers import client
from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.images.pull import read_config
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.oci.digest import digest_of
from sampan.oci.manifest import Descriptor, Index, Manifest, PlatformFields
from sampan.oci.reference import Reference
from sampan.registry.client import Client, Fetched, Repository
from sampan.registry.upload import Read, upload
from sampan.settings.docker_config import default_folder
from sampan.storage.paths import Paths

_MOST_BYTES = 8 << 20
_PIECE = 1 << 20
# What a list's images may be for: systems and architectures that Go has.
_TARGETS = {
    "darwin": ("386", "amd64", "arm", "arm64"),
    "dragonfly": ("amd64",),
    "freebsd": ("386", "amd64", "arm", "arm64"),
    "linux": (
        *("386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle"),
        *("ppc64", "ppc64le", "riscv64", "s390x"),
    ),
    "netbsd": ("386", "amd64", "arm", "arm64"),
    "openbsd": ("386", "amd64", "arm", "arm64"),
    "plan9": ("386", "amd64", "arm"),
    "solaris": ("amd64",),
    "windows": ("386", "amd64", "arm", "arm64"),
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An image of a list: the reference that it was taken by, and what the list will say of it."""

    reference: str
    descriptor: Descriptor


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A list that is being put together."""

    name: str
    entries: tuple[Entry, ...] = ()


class ManifestLists:
    """`config` is the folder of config.json; `insecure` lets registries of this call be without TLS."""

    def __init__(self, paths: Paths, config: str = "", *, insecure: bool = False) -> None:
        self._paths, self._config, self._insecure = paths, config, insecure
        self._folder = f"{config or default_folder()}/manifests"

    def inspect(self, text: str) -> tuple[Fetched, list[tuple[Descriptor, Fetched]]]:
        """What a registry has under a name, and with an index, the manifests in it. Raises NotFound."""
        name = reference.parse(text)
        with self._client(name) as registries:
            repository = registries.repository(name)
            found = _fetched(repository, name)
            document = manifests.parse(found.content, found.media_type)
            inner = document.manifests if isinstance(document, Index) else ()
            return found, [(entry, repository.manifest(entry.digest)) for entry in inner]

    def document(self, text: str) -> Fetched:
        """What is being put together under a name, or what a registry has there. Raises NotFound."""
        draft = self._read(reference.parse(text))
        if draft is not None:
            index = _index(draft)
            content = manifests.encode(index)
            return Fetched(content, index.media_type, digest_of(content))
        name = reference.parse(text)
        with self._client(name) as registries:
            return _fetched(registries.repository(name), name)

    def create(self, text: str, sources: Sequence[str], *, amend: bool = False) -> None:
        """Begin a list of images that a registry has, or add to one. Raises Conflict when there is one."""
        target = reference.parse(text)
        draft = self._read(target)
        if draft is not None and not amend:
            raise Conflict("refusing to amend an existing manifest list with no --amend flag")
        entries = {entry.reference: entry for entry in (draft.entries if draft else ())}
        for source in sources:
            name = reference.parse(source)
            if name.registry != target.registry:
                raise InvalidArgument("cannot use source images from a different registry than the target image")
            with self._client(name) as registries:
                for entry in _entries(registries.repository(name), name):
                    entries[entry.reference] = entry
        self._write(Draft(name=target.normalised(), entries=tuple(entries.values())))

    def annotate(self, text: str, source: str, changes: PlatformFields) -> None:
        """Say for which platform an image of a list is; fields that are empty stay. Raises NotFound."""
        draft = self._draft(text)
        wanted = reference.parse(source).normalised()
        if wanted not in [entry.reference for entry in draft.entries]:
            raise NotFound(f"manifest for image {source} does not exist in {text}")
        entries = [entry if entry.reference != wanted else _annotated(entry, changes) for entry in draft.entries]
        for entry in entries:
            fields = entry.descriptor.platform
            if entry.reference == wanted and (fields is None or fields.architecture not in _TARGETS.get(fields.os, ())):
                raise InvalidArgument(
                    "manifest entry for image has unsupported os/arch combination:"
                    f" {changes.os}/{changes.architecture}",
                    hint="such as --os linux --arch arm64",
                )
        self._write(Draft(name=draft.name, entries=tuple(entries)))

    def push(self, text: str, *, purge: bool = False) -> str:
        """Send a list, after the images that its repository lacks; its digest. Raises NotFound."""
        draft, target = self._draft(text), reference.parse(text)
        index = _index(draft)
        content = manifests.encode(index)
        with self._client(target) as registries:
            repository = registries.repository(target, for_writing=True)
            for entry in draft.entries:
                if repository.head_manifest(entry.descriptor.digest) is None:
                    _copy(registries, reference.parse(entry.reference), repository, entry.descriptor)
            repository.put_manifest(target.tag or target.digest, content, index.media_type)
        if purge:
            self.remove(text)
        return digest_of(content)

    def remove(self, text: str) -> None:
        """Forget a list that was put together here. Raises NotFound."""
        self._draft(text)
        os.unlink(self._path(reference.parse(text)))

    def _client(self, name: Reference) -> AbstractContextManager[Client]:
        return client(self._paths, self._config, insecure=name.registry if self._insecure else "")

    def _path(self, name: Reference) -> str:
        return f"{self._folder}/{quote(name.normalised(), safe=':')}.json"

    def _draft(self, text: str) -> Draft:
        draft = self._read(reference.parse(text))
        if draft is None:
            raise NotFound(f"No such manifest: {text}", hint=f"begin it: sampan manifest create {text} IMAGE...")
        return draft

    def _read(self, name: Reference) -> Draft | None:
        try:
            with open(self._path(name), "rb") as file:
                return msgspec.json.decode(file.read(_MOST_BYTES), type=Draft)
        except FileNotFoundError:
            return None

    def _write(self, draft: Draft) -> None:
        os.makedirs(self._folder, 0o700, exist_ok=True)
        path = self._path(reference.parse(draft.name))
        fresh = f"{path}.{os.getpid()}"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(msgspec.json.encode(draft))
        os.rename(fresh, path)


def _fetched(repository: Repository, name: Reference) -> Fetched:
    try:
        return repository.manifest(name.digest or name.tag)
    except NotFound as error:
        raise NotFound(f"no such manifest: {name.familiar()}", hint=error.hint) from error


def _entries(repository: Repository, name: Reference) -> list[Entry]:
    """The list's entries for an image; for an index, one for each of its images."""
    found = _fetched(repository, name)
    document = manifests.parse(found.content, found.media_type)
    if isinstance(document, Index):
        return [
            Entry(reference=name._replace(tag="", digest=inner.digest).normalised(), descriptor=inner)
            for inner in document.manifests
            if manifests.platform_of(inner) is not None
        ]
    platform = None
    if document.config.media_type in manifests.CONFIG_TYPES:
        config = read_config(repository, document.config)
        platform = manifests.fields_of(platforms.Platform(config.os, config.architecture, config.variant))
    descriptor = Descriptor(
        media_type=document.media_type, digest=found.digest, size=len(found.content), platform=platform
    )
    return [Entry(reference=name.normalised(), descriptor=descriptor)]


def _annotated(entry: Entry, changes: PlatformFields) -> Entry:
    fields = msgspec.structs.asdict(entry.descriptor.platform or PlatformFields())
    fields.update({key: value for key, value in msgspec.structs.asdict(changes).items() if value})
    descriptor = msgspec.structs.replace(entry.descriptor, platform=PlatformFields(**fields))
    return Entry(reference=entry.reference, descriptor=descriptor)


def _index(draft: Draft) -> Index:
    is_oci = any(entry.descriptor.media_type == manifests.OCI_MANIFEST for entry in draft.entries)
    return Index(
        media_type=manifests.OCI_INDEX if is_oci else manifests.DOCKER_INDEX,
        manifests=tuple(entry.descriptor for entry in draft.entries),
    )


def _copy(registries: Client, name: Reference, target: Repository, descriptor: Descriptor) -> None:
    """Bring an image from another repository of the same registry into `target`."""
    source = registries.repository(name)
    found = source.manifest(descriptor.digest)
    document = manifests.parse(found.content, found.media_type)
    assert isinstance(document, Manifest)
    for blob in (document.config, *document.layers):
        if target.has_blob(blob.digest) or target.mount(blob.digest, name.repository):
            continue
        with tempfile.TemporaryFile() as file:
            answer = source.open_blob(blob.digest)
            while piece := answer.read(_PIECE):
                file.write(piece)
            answer.discard()
            file.flush()
            upload(target, _reader(file.fileno()), blob.digest, blob.size, registries.options.patience)
    target.put_manifest(descriptor.digest, found.content, document.media_type)


def _reader(file: int) -> Read:
    return lambda start, size: os.pread(file, size, start)
