"""`docker pull`: a manifest, a configuration and the layers that are missing become an image.

The manifest is fetched once, everything else by the digests in it: a tag that moves meanwhile changes nothing. Nothing
refers to a layer (images/fetching) before all are there; then one commit makes the image.
"""

import errno
import os
from typing import NamedTuple

from sampan.errors import Corrupt, Unavailable, Unsupported
from sampan.images import happenings, origins, store
from sampan.images.fetching import Layers
from sampan.images.progress import Line, Listener, Warned, ignore
from sampan.linux import fault
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci.config import ImageConfig
from sampan.oci.manifest import Descriptor, Manifest
from sampan.oci.platform import Platform
from sampan.oci.reference import Reference
from sampan.registry import partial
from sampan.registry.client import Client, Fetched, Repository
from sampan.storage import gc, snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_MOST_CONFIG_BYTES = 8 << 20


class Pulled(NamedTuple):
    """`digest` is that of the document that the reference names, `is_new` whether that meant none or another here."""

    image_id: str
    digest: str
    is_new: bool


class _Found(NamedTuple):
    """What a reference turned out to be. `named` is what it names, `stored` the manifest of the one image in it."""

    named: Fetched
    stored: origins.Stored
    manifest: Manifest


def read_config(repository: Repository, descriptor: Descriptor) -> ImageConfig:
    """The configuration of an image that a registry has. Raises NotFound, Corrupt, and as a pull does."""
    return store.read_document(repository.blob(descriptor, _MOST_CONFIG_BYTES))


def pull(
    database: Database,
    paths: Paths,
    client: Client,
    name: Reference,
    *,
    platform: Platform | None = None,
    on_event: Listener = ignore,
) -> Pulled:
    """Get an image by tag or digest, for `platform` or this host's; it has the tag then.

    Raises NotFound, PermissionDenied, Unavailable, Corrupt; what is finished then stays for the next time.
    """
    partial.clean(paths.downloads)
    wanted = platform or platforms.host_platform(os.uname().machine)
    repository = client.repository(name)
    named = repository.manifest(name.digest or name.tag)
    on_event(Line(f"{name.familiar() if name.digest else name.tag}: Pulling from {name.repository}"))
    found = _image_in(database, repository, named, wanted, name)
    if not found.manifest.is_image:
        raise Unsupported(
            f"{name.familiar()} is no image of a container: its configuration is {found.manifest.config.media_type}",
            hint="it belongs to another program, such as helm or oras",
        )
    known = _known(database, found)
    meant = _meant(database, name)
    if known is None:
        image_id = _Pull(database, paths, client, repository, name, found, on_event).run()
    else:
        image_id = known
        _commit(database, image_id, name, found)
    on_event(Line(f"Digest: {named.digest}"))
    _warn_of_platform(database, image_id, name, platform, on_event)
    return Pulled(image_id, named.digest, is_new=image_id != meant)


def _image_in(database: Database, repository: Repository, named: Fetched, wanted: Platform, name: Reference) -> _Found:
    """The one manifest for a platform, through an index if need be; one that is kept already is not fetched."""
    document = manifests.parse(named.content, named.media_type)
    for _ in range(2):
        if isinstance(document, Manifest):
            media_type = document.media_type
            return _Found(named, origins.Stored(named.digest, media_type, named.content), document)
        chosen = manifests.choose(document, wanted, name.familiar())
        kept = origins.manifest(database, chosen.digest)
        if kept is not None:
            content, media_type = kept[1].content, kept[1].media_type
        else:
            fetched = repository.manifest(chosen.digest)
            content, media_type = fetched.content, fetched.media_type
        if len(content) != chosen.size:
            raise Corrupt(f"the manifest {chosen.digest} has {len(content)} bytes, and the index says {chosen.size}")
        inner = manifests.parse(content, media_type)
        if isinstance(inner, Manifest) != (chosen.media_type in manifests.MANIFEST_TYPES):
            raise Corrupt(f"the index calls {chosen.digest} {chosen.media_type}, and it is of another kind")
        if isinstance(inner, Manifest):
            return _Found(named, origins.Stored(chosen.digest, inner.media_type, content), inner)
        document = inner
    raise Corrupt(f"{name.familiar()} is an index in an index in an index: nobody needs that")


def _known(database: Database, found: _Found) -> str | None:
    """The image's ID when it is here with all its layers."""
    digest = found.manifest.config.digest
    row = database.row("SELECT 1 FROM image WHERE id = ?", (digest,))
    return digest if row is not None else None


def _meant(database: Database, name: Reference) -> str | None:
    """The ID of the image that has a reference's tag or digest here."""
    if name.digest:
        row = database.row(
            "SELECT image_id FROM repo_digest WHERE repository = ? AND digest = ?", (name.name, name.digest)
        )
    else:
        row = database.row("SELECT image_id FROM tag WHERE reference = ?", (f"{name.name}:{name.tag}",))
    return None if row is None else str(row[0])


def _commit(database: Database, image_id: str, name: Reference, found: _Found) -> None:
    """Names and manifest of an image that is here, in one transaction with whatever surrounds it."""
    with database.transaction():
        if name.tag:
            store.place_tag(database, image_id, f"{name.name}:{name.tag}")
        origins.record_digest(database, name.name, found.named.digest, image_id)
        origins.record_manifest(database, image_id, found.stored)
        happenings.record_moved(database, image_id, "pull", name)


def _warn_of_platform(
    database: Database, image_id: str, name: Reference, platform: Platform | None, on_event: Listener
) -> None:
    """An image without an index is taken whatever it is for; docker says so."""
    config = store.get(database, image_id).config
    mine = platforms.normalise(config.os, config.architecture, config.variant)
    if platform is not None and not platforms.satisfies(mine, platform):
        on_event(
            Warned(
                f"WARNING: image with reference {name.familiar()} was found but its platform ({mine}) does not match"
                f" the specified platform ({platform})"
            )
        )


def _check(config: ImageConfig, manifest: Manifest) -> None:
    """Raises Corrupt where configuration and manifest contradict each other, Unsupported for another system's image."""
    if config.os not in ("", "linux"):
        raise Unsupported(
            f'image operating system "{config.os}" cannot be used on this platform: operating system is not supported'
        )
    if len(config.diff_ids) != len(manifest.layers):
        raise Corrupt(f"the image has {len(manifest.layers)} layers, and its configuration {len(config.diff_ids)}")


class _Pull:
    """An image that is not here, on its way."""

    def __init__(
        self,
        database: Database,
        paths: Paths,
        client: Client,
        repository: Repository,
        name: Reference,
        found: _Found,
        on_event: Listener,
    ) -> None:
        self._database, self._paths, self._repository = database, paths, repository
        self._name, self._found = name, found
        self._layers = Layers(database, paths, client, repository, on_event)

    def run(self) -> str:
        """The new image's ID."""
        self._database.require_room()
        document = self._repository.blob(self._found.manifest.config, _MOST_CONFIG_BYTES)
        fault.point("pull.configured")
        config = store.read_document(document)
        _check(config, self._found.manifest)
        try:
            layers = self._layers.fetch(self._found.manifest.layers, config.diff_ids)
            fault.point("pull.layers")
            snapshots.sync(self._paths)
            with self._database.transaction():
                image_id = store.add_document(self._database, document, layers)
                origins.record_blobs(self._database, self._layers.seen)
                _commit(self._database, image_id, self._name, self._found)
            fault.point("pull.committed")
        except BaseException as error:
            self._give_up(error)
            raise
        self._layers.release()
        return image_id

    def _give_up(self, error: BaseException) -> None:
        """What is finished stays for the next time, unless it is room that is missing."""
        self._layers.release()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            gc.collect(self._database, self._paths)
            partial.clean(self._paths.downloads, 0)
            raise Unavailable(
                f"write {self._paths.layers}: no space left on device",
                hint="free some space: sampan system df, sampan image prune",
            ) from error
