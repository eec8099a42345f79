"""Images as registries have them, looked at and put together without this store: `buildx imagetools`."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from sampan.engine.transfers import client
from sampan.errors import Corrupt, InvalidArgument, NotFound
from sampan.images.pull import read_config
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.oci.digest import digest_of
from sampan.oci.manifest import Descriptor, Index, Manifest
from sampan.oci.platform import Platform
from sampan.oci.reference import Reference
from sampan.registry.client import Client, Fetched, Repository
from sampan.registry.upload import upload
from sampan.storage.paths import Paths

_MOST_BYTES = 64 << 20
_PIECE = 1 << 20
_TYPE, _DIGEST = "vnd.docker.reference.type", "vnd.docker.reference.digest"
_PREDICATE = "in-toto.io/predicate-type"


class Looked(NamedTuple):
    """What a registry has under a name. By platform: `images` configurations, `provenance` and `sbom` predicates."""

    name: Reference
    found: Fetched
    document: Manifest | Index
    images: Mapping[str, Any]
    provenance: Mapping[str, Any]
    sbom: Mapping[str, Any]


class Source(NamedTuple):
    """Something that goes into an index, and the repository that has it."""

    name: Reference
    descriptor: Descriptor
    content: bytes


class ImageTools:
    """`config` is the folder of config.json."""

    def __init__(self, paths: Paths, config: str = "") -> None:
        self._paths, self._config = paths, config

    def look(self, text: str, *, wants_content: bool = False) -> Looked:
        """What a registry has under a name; with `wants_content` configurations and attestations too.

        Raises NotFound, Corrupt, and as a pull does.
        """
        name = reference.parse(text)
        with client(self._paths, self._config) as registries:
            repository = registries.repository(name)
            found = _fetched(repository, name)
            document = manifests.parse(found.content, found.media_type)
            looked = Looked(name, found, document, {}, {}, {})
            return _with_content(repository, looked) if wants_content else looked

    def create(
        self,
        sources: Sequence[str],
        tags: Sequence[str],
        *,
        annotations: Mapping[str, str],
        wanted: Sequence[str] = (),
        append: bool = False,
        prefers_index: bool = True,
        dry_run: bool = False,
    ) -> tuple[bytes, str]:
        """Make an index of what `sources` have and put it under each tag; its content and digest.

        Of one source that is an index already, or without `prefers_index`, it is a copy. `wanted` are the platforms
        that are taken, all by default. Raises InvalidArgument, NotFound, and as a push does.
        """
        targets = [reference.parse(tag) for tag in tags]
        if append and not targets:
            raise InvalidArgument("can't append with no reference set", hint="name the index with --tag")
        texts = [*(tags[:1] if append else ()), *sources]
        if not texts:
            raise InvalidArgument("no sources specified", hint="name images of registries, or files with -f")
        with client(self._paths, self._config) as registries:
            found = [_fetched(registries.repository(name), name) for name in map(reference.parse, texts)]
            is_copy = len(texts) == 1 and not annotations and not wanted
            document = manifests.parse(found[0].content, found[0].media_type)
            members = [member for text in texts for member in _members(registries, reference.parse(text))]
            if is_copy and (isinstance(document, Index) or not prefers_index):
                content, media_type = found[0].content, document.media_type
            else:
                members = _chosen(members, wanted)
                content, media_type = _index(members, annotations)
            for target in () if dry_run else targets:
                _put(registries, target, members, content, media_type)
        return content, digest_of(content)


def _fetched(repository: Repository, name: Reference) -> Fetched:
    try:
        return repository.manifest(name.digest or name.tag)
    except NotFound as error:
        raise NotFound(f"{name.normalised()}: not found", hint=error.hint) from error


def _with_content(repository: Repository, looked: Looked) -> Looked:
    images: dict[str, Any] = {}
    said: dict[str, dict[str, Any]] = {"provenance": {}, "sbom": {}}
    if isinstance(looked.document, Manifest):
        if looked.document.is_image:
            config = json.loads(repository.blob(looked.document.config, _MOST_BYTES))
            images[str(_platform(config))] = config
        return looked._replace(images=images)
    by_digest: dict[str, str] = {}
    for entry in looked.document.manifests:
        manifest = _manifest(repository, entry)
        if entry.annotations.get(_TYPE) == "attestation-manifest":
            _read_attestations(repository, manifest, by_digest.get(entry.annotations.get(_DIGEST, ""), ""), said)
        elif manifest.is_image:
            config = json.loads(repository.blob(manifest.config, _MOST_BYTES))
            by_digest[entry.digest] = str(manifests.platform_of(entry) or _platform(config))
            images[by_digest[entry.digest]] = config
    return looked._replace(images=images, provenance=said["provenance"], sbom=said["sbom"])


def _manifest(repository: Repository, entry: Descriptor) -> Manifest:
    found = repository.manifest(entry.digest)
    document = manifests.parse(found.content, found.media_type)
    if not isinstance(document, Manifest):
        raise Corrupt(f"{entry.digest} is an index in an index")
    return document


def _read_attestations(
    repository: Repository, manifest: Manifest, platform: str, said: dict[str, dict[str, Any]]
) -> None:
    for layer in manifest.layers:
        kind = layer.annotations.get(_PREDICATE, "")
        name, key = ("provenance", "SLSA") if "slsa.dev/provenance" in kind else ("sbom", "SPDX")
        if name == "sbom" and "spdx" not in kind:
            continue
        statement = json.loads(repository.blob(layer, _MOST_BYTES))
        said[name].setdefault(platform, {})[key] = statement.get("predicate")


def _platform(config: Mapping[str, Any]) -> Platform:
    return platforms.normalise(config.get("os") or "", config.get("architecture") or "", config.get("variant") or "")


def _members(registries: Client, name: Reference) -> list[Source]:
    """The manifests that a name comes to, with their platforms."""
    repository = registries.repository(name)
    found = _fetched(repository, name)
    document = manifests.parse(found.content, found.media_type)
    if isinstance(document, Index):
        return [Source(name, entry, repository.manifest(entry.digest).content) for entry in document.manifests]
    fields = None
    if document.config.media_type in manifests.CONFIG_TYPES:
        config = read_config(repository, document.config)
        fields = manifests.fields_of(platforms.normalise(config.os, config.architecture, config.variant))
    descriptor = Descriptor(
        media_type=document.media_type, digest=found.digest, size=len(found.content), platform=fields
    )
    return [Source(name, descriptor, found.content)]


def _chosen(members: Sequence[Source], wanted: Sequence[str]) -> list[Source]:
    """Each once, of the wanted platforms; attestations stay with their images. Raises NotFound."""
    found = {member.descriptor.digest: member for member in members}
    if not wanted:
        return list(found.values())
    host = platforms.host_platform(os.uname().machine)
    asked = [platforms.parse(text, host) for text in wanted]
    kept = {digest: member for digest, member in found.items() if manifests.platform_of(member.descriptor) in asked}
    missing = [one for one in asked if one not in [manifests.platform_of(kept[digest].descriptor) for digest in kept]]
    if missing:
        raise NotFound(f"no source is for {missing[0]}", hint="imagetools inspect shows what is there")
    for digest, member in found.items():
        if member.descriptor.annotations.get(_DIGEST) in kept:
            kept[digest] = member
    return list(kept.values())


def _index(members: Sequence[Source], annotations: Mapping[str, str]) -> tuple[bytes, str]:
    kinds = {member.descriptor.media_type for member in members}
    is_docker = kinds == {manifests.DOCKER_MANIFEST} and not annotations
    index = Index(
        media_type=manifests.DOCKER_INDEX if is_docker else manifests.OCI_INDEX,
        manifests=tuple(member.descriptor for member in members),
        annotations=dict(annotations),
    )
    return msgspec.json.format(msgspec.json.encode(index), indent=2), index.media_type


def _put(registries: Client, target: Reference, members: Sequence[Source], content: bytes, media_type: str) -> None:
    """Bring what an index names into the repository, and then the index."""
    repository = registries.repository(target, for_writing=True)
    for member in members:
        digest = member.descriptor.digest
        if repository.head_manifest(digest) is None:
            document = manifests.parse(member.content, member.descriptor.media_type)
            if not isinstance(document, Manifest):
                raise Corrupt(f"{digest} is an index in an index")
            for blob in (document.config, *document.layers):
                _copy(registries, member.name, target, repository, blob)
            repository.put_manifest(digest, member.content, member.descriptor.media_type)
    repository.put_manifest(target.tag, content, media_type)


def _copy(registries: Client, name: Reference, target: Reference, repository: Repository, blob: Descriptor) -> None:
    if repository.has_blob(blob.digest):
        return
    if name.registry == target.registry and repository.mount(blob.digest, name.repository):
        return
    with tempfile.TemporaryFile() as file:
        answer = registries.repository(name).open_blob(blob.digest)
        while piece := answer.read(_PIECE):
            file.write(piece)
        answer.discard()
        file.flush()
        handle = file.fileno()
        patience = registries.options.patience
        upload(repository, lambda start, size: os.pread(handle, size, start), blob.digest, blob.size, patience)
