"""Which images an archive holds, from the documents in it: docker-archive, OCI layout, or Docker's first form. Pure.

A document is what someone else wrote: every name in it is only a key to look up, never a path.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.errors import Corrupt, InvalidArgument, NotFound, Unsupported
from sampan.images.archive import legacy
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.oci.platform import Platform

_IMAGE_NAME, _REF_NAME = "io.containerd.image.name", "org.opencontainers.image.ref.name"
_MOST_IMAGES = 4096
_DEEPEST = 4


class LayerPlace(NamedTuple):
    """Where a layer is in the archive, and the digest that these (perhaps compressed) bytes must have, "" for any."""

    path: str
    digest: str = ""


class Found(NamedTuple):
    """An image of an archive; layers lowest first, tags normalised.

    `legacy` are the layers' documents where the archive has no configuration; that can be made when the diff IDs are
    known (legacy.compose).
    """

    config: bytes
    layers: tuple[LayerPlace, ...]
    tags: tuple[str, ...]
    legacy: tuple[dict[str, Any], ...] = ()


class Documents:
    """The small files of an archive by path, with its links followed."""

    def __init__(self, contents: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> None:
        self._contents, self._links = contents, links or {}

    def place(self, path: str) -> str:
        """The path that a name means, after links."""
        for _ in range(16):
            path = normal(path)
            if path not in self._links:
                break
            path = self._links[path]
        return path

    def find(self, path: str) -> bytes | None:
        return self._contents.get(self.place(path))

    def get(self, path: str) -> bytes:
        """Raises Corrupt where the archive lacks it."""
        content = self.find(path)
        if content is None:
            raise Corrupt(f"open {path[:200]}: no such file or directory", hint="the archive lacks it: save it again")
        return content


def normal(path: str) -> str:
    """A member's path without `.` and empty parts; `..` takes the part before it away."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def read(documents: Documents, wanted: Platform, *, is_asked: bool = False) -> list[Found]:
    """The images of an archive. Of an image for several platforms the one for `wanted` is chosen; when that `is_asked`
    for, the others are left out too.

    Raises Corrupt for what contradicts itself, NotFound where nothing is for the platform, Unsupported for an unknown
    form.
    """
    if documents.find("manifest.json") is not None:
        found = _docker_archive(documents)
    elif documents.find("index.json") is not None:
        found = _layout(documents, wanted, is_asked)
    elif documents.find("repositories") is not None:
        found = _legacy_archive(documents)
    else:
        raise Corrupt(
            "open manifest.json: no such file or directory",
            hint="this is no image archive; `sampan import` makes an image of a file system's tar",
        )
    if len(found) > _MOST_IMAGES:
        raise Corrupt(f"the archive names {len(found)} images; at most {_MOST_IMAGES} are taken")
    return _for_platform(found, wanted) if is_asked else found


def _for_platform(found: Sequence[Found], wanted: Platform) -> list[Found]:
    fitting = [image for image in found if platforms.satisfies(_platform(image.config), wanted)]
    if found and not fitting:
        there = ", ".join(dict.fromkeys(str(_platform(image.config)) for image in found))
        raise NotFound(
            f"the archive was found but does not provide the specified platform ({wanted})",
            hint=f"it has images for {there}",
        )
    return fitting


def _platform(config: bytes) -> Platform:
    fields = parsed(config, dict, "the image configuration") if config else {"os": "linux", "architecture": "amd64"}
    texts = [value if isinstance(value := fields.get(key), str) else "" for key in ("os", "architecture", "variant")]
    return platforms.normalise(*texts)


def parsed(content: bytes, kind: type, what: str) -> Any:
    """A JSON document of that type. Raises Corrupt."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"{what} cannot be read: {error}") from error
    if not isinstance(value, kind):
        raise Corrupt(f"{what} cannot be read: it is no {'list' if kind is list else 'object'}")
    return value


def _texts(value: object, what: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Corrupt(f"manifest.json cannot be read: {what} must be a list of strings")
    return value


def _docker_archive(documents: Documents) -> list[Found]:
    found = []
    for entry in parsed(documents.get("manifest.json"), list, "manifest.json"):
        if not isinstance(entry, dict) or not isinstance(entry.get("Config"), str):
            raise Corrupt("manifest.json cannot be read: an image has no Config")
        path = entry["Config"]
        config = documents.get(path)
        _check_name(path, config)
        layers = tuple(LayerPlace(documents.place(layer)) for layer in _texts(entry.get("Layers"), "Layers"))
        tags = tuple(name for text in _texts(entry.get("RepoTags"), "RepoTags") for name in _tags(text))
        found.append(Found(config, layers, tags))
    return found


def _legacy_archive(documents: Documents) -> list[Found]:
    found: dict[str, Found] = {}
    for name, tags in parsed(documents.get("repositories"), dict, "repositories").items():
        if not isinstance(tags, dict):
            raise Corrupt("repositories cannot be read: a name has no tags")
        for tag, top in tags.items():
            if str(top) not in found:
                found[str(top)] = _chain(documents, str(top))
            image = found[str(top)]
            found[str(top)] = image._replace(tags=(*image.tags, *_tags(f"{name}:{tag}")))
    return list(found.values())


def _chain(documents: Documents, top: str) -> Found:
    layers: list[LayerPlace] = []
    chain: list[dict[str, Any]] = []
    layer_id: object = top
    while layer_id:
        document = parsed(documents.get(f"{layer_id}/json"), dict, f"{layer_id}/json")
        layers.append(LayerPlace(documents.place(f"{layer_id}/layer.tar")))
        chain.append(document)
        legacy.check_length(chain)
        layer_id = document.get("parent")
    return Found(b"", tuple(reversed(layers)), (), tuple(reversed(chain)))


def _check_name(path: str, content: bytes) -> None:
    """A document that is named by a digest must have it."""
    name = path.rpartition("/")[2].removesuffix(".json")
    digest = hashlib.sha256(content).hexdigest()
    if path.startswith("blobs/sha256/") and name != digest:
        raise Corrupt(f"{path} has the digest sha256:{digest}")


def _tags(text: str) -> list[str]:
    """A tag, normalised. Raises Corrupt for a name that is none."""
    try:
        name = reference.parse(text)
    except InvalidArgument as error:
        raise Corrupt(f"the archive names an image {text[:100]!r}: {error.message}") from error
    return [] if name.digest else [name.normalised()]


def _layout(documents: Documents, wanted: Platform, is_asked: bool) -> list[Found]:
    index = manifests.parse(documents.get("index.json"), manifests.OCI_INDEX)
    if not isinstance(index, manifests.Index):
        raise Corrupt("index.json is no index")
    groups: dict[str, list[manifests.Descriptor]] = {}
    for entry in index.manifests:
        groups.setdefault(_name(entry), []).append(entry)
    found = []
    for name, entries in groups.items():
        tags = tuple(_tags(name)) if name else ()
        for entry in _of_group(entries, wanted, name):
            found += _image(documents, entry, wanted, tags, _DEEPEST)
    return found


def _name(entry: manifests.Descriptor) -> str:
    """The whole name of an image; a bare tag, which is all that some programs write, is none."""
    named = entry.annotations.get(_IMAGE_NAME, "")
    written = entry.annotations.get(_REF_NAME, "")
    return named or (written if "/" in written or ":" in written else "")


def _of_group(entries: Sequence[manifests.Descriptor], wanted: Platform, name: str) -> Sequence[manifests.Descriptor]:
    """Entries of one name are one image for several platforms where their platforms differ."""
    known = [manifests.platform_of(entry) for entry in entries]
    if len(entries) > 1 and len({*known} - {None}) > 1:
        return [manifests.choose(manifests.Index(manifests=tuple(entries)), wanted, name)]
    return entries


def _image(
    documents: Documents, entry: manifests.Descriptor, wanted: Platform, tags: tuple[str, ...], depth: int
) -> list[Found]:
    if entry.media_type not in manifests.ACCEPTED:
        return []  # an artifact
    content = blob(documents, entry)
    document = manifests.parse(content, entry.media_type)
    if isinstance(document, manifests.Index):
        if not depth:
            raise Corrupt(f"indexes are nested more than {_DEEPEST} deep")
        chosen = manifests.choose(document, wanted, tags[0] if tags else "")
        return _image(documents, chosen, wanted, tags, depth - 1)
    if not document.is_image:
        return []
    layers = []
    for layer in document.layers:
        if not layer.digest.startswith("sha256:"):
            raise Unsupported("unsupported digest algorithm", hint="sampan keeps content by sha256")
        layers.append(LayerPlace(documents.place(blob_path(layer.digest)), layer.digest))
    return [Found(blob(documents, document.config), tuple(layers), tags)]


def blob_path(digest: str) -> str:
    """Where a layout has a blob."""
    return "blobs/" + digest.replace(":", "/", 1)


def blob(documents: Documents, descriptor: manifests.Descriptor) -> bytes:
    """A document by its descriptor, its digest and size checked."""
    content = documents.get(blob_path(descriptor.digest))
    algorithm, _, encoded = descriptor.digest.partition(":")
    if len(content) != descriptor.size or hashlib.new(algorithm, content).hexdigest() != encoded:
        raise Corrupt(f"{blob_path(descriptor.digest)} is not what its digest says")
    return content
