"""`docker push`: an image's layers, configuration and manifest go to a registry, the tag last.

What the registry has is not sent: a layer that is known to be there, or in another repository there, which it is
mounted from. A layer that was made here is compressed into the same bytes each time; one that came from this registry
is named by the bytes that it has there. So the same image has the same digest, and one that was pulled keeps its own.
"""

import errno
import os
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from sampan.errors import Corrupt, NotFound, Unavailable
from sampan.images import attached, compressing, happenings, origins, store, tag_documents
from sampan.images.model import Image
from sampan.images.progress import LayerStatus, Line, Listener, ignore
from sampan.linux import fault
from sampan.oci import attestations
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci.digest import digest_of
from sampan.oci.manifest import Descriptor, Manifest
from sampan.oci.platform import Platform
from sampan.oci.reference import Reference
from sampan.registry.client import Client, Repository
from sampan.registry.upload import Read, upload
from sampan.storage import snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths

AT_ONCE = 4
_MOST_MOUNTS = 3
_HERE = ""  # the repository of blobs that are only known to be what compressing a layer gives


class Pushed(NamedTuple):
    """The manifest's digest and the number of its bytes."""

    digest: str
    size: int


def push(
    database: Database,
    paths: Paths,
    client: Client,
    name: Reference,
    *,
    platform: Platform | None = None,
    on_event: Listener = ignore,
) -> Pushed:
    """Send the image with a tag. Raises NotFound when there is none, PermissionDenied, Unavailable."""
    row = database.row("SELECT image_id FROM tag WHERE reference = ?", (name.normalised(),))
    if row is None:
        raise NotFound(
            f"An image does not exist locally with the tag: {name.repository_familiar}",
            hint="sampan images lists what is here; sampan tag gives an image this name",
        )
    image = store.get(database, str(row[0]))
    mine = platforms.normalise(image.config.os, image.config.architecture, image.config.variant)
    if platform is not None and not platforms.satisfies(mine, platform):
        raise NotFound(
            f"image with reference {name.familiar()} was found but does not match the specified platform: wanted"
            f" {platform}, actual: {mine}"
        )
    document = tag_documents.find(database, name.normalised()) if platform is None else None
    if document is None:
        return _Push(database, paths, client, name, image.id, on_event).run(image.layers, image.config.diff_ids)
    if document.media_type in manifests.INDEX_TYPES:
        said = attached.statements(database, name.normalised(), image.id)
        if said and not _has_manifests(database, document):
            return _push_attested(database, paths, client, name, image, said, on_event)
        return _push_index(database, paths, client, name, document, on_event)
    return _push_exactly(database, paths, client, name, image, document, name.tag, on_event)


def _has_manifests(database: Database, index: origins.Stored) -> bool:
    """Whether the manifests of an index's images are here; an index that was loaded is of other layers than we send."""
    document = manifests.parse(index.content, index.media_type)
    assert isinstance(document, manifests.Index)
    return all(
        attestations.is_attestation(entry) or origins.manifest(database, entry.digest) is not None
        for entry in document.manifests
    )


def _push_attested(
    database: Database,
    paths: Paths,
    client: Client,
    name: Reference,
    image: Image,
    said: Sequence[bytes],
    on_event: Listener,
) -> Pushed:
    """Send an image, and then its index with what is said of it, about the manifest that it has there."""
    pushed = _Push(database, paths, client, name, image.id, ignore).run(image.layers, image.config.diff_ids)
    known = origins.manifest(database, pushed.digest)
    assert known is not None
    platform = platforms.normalise(image.config.os, image.config.architecture, image.config.variant)
    entry = Descriptor(
        media_type=known[1].media_type,
        digest=pushed.digest,
        size=pushed.size,
        platform=manifests.fields_of(platform),
    )
    with database.transaction():
        document = attached.keep(database, name.normalised(), image.id, entry, said)
    return _push_index(database, paths, client, name, document, on_event)


def _push_exactly(
    database: Database,
    paths: Paths,
    client: Client,
    name: Reference,
    image: Image,
    manifest: origins.Stored,
    tag: str,
    on_event: Listener,
) -> Pushed:
    """Send an image as a manifest that is there says it."""
    return _Push(database, paths, client, name, image.id, on_event, manifest, tag).run(
        image.layers, image.config.diff_ids
    )


def _push_index(
    database: Database, paths: Paths, client: Client, name: Reference, index: origins.Stored, on_event: Listener
) -> Pushed:
    """Send an index, after all that it names."""
    document = manifests.parse(index.content, index.media_type)
    assert isinstance(document, manifests.Index)
    repository = client.repository(name, for_writing=True)
    for entry in document.manifests:
        kept = origins.manifest(database, entry.digest)
        if kept is not None:
            image = store.get(database, kept[0])
            _push_exactly(database, paths, client, name, image, kept[1], entry.digest, on_event)
            continue
        content = tag_documents.blob(database, index.digest, entry.digest)
        if content is None:
            raise NotFound(
                f"{name.familiar()}: the image for {manifests.platform_of(entry)} is not here any more",
                hint="build it again, or push one platform: --platform",
            )
        _send_document(database, repository, client, index.digest, entry, content)
    fault.point("push.members")
    repository.put_manifest(name.tag, index.content, index.media_type)
    with database.transaction():
        for entry in document.manifests:
            kept = origins.manifest(database, entry.digest)
            if kept is not None:
                origins.record_digest(database, name.name, index.digest, kept[0])
    on_event(Line(f"{name.tag}: digest: {index.digest} size: {len(index.content)}"))
    return Pushed(index.digest, len(index.content))


def _send_document(
    database: Database, repository: Repository, client: Client, index: str, entry: Descriptor, content: bytes
) -> None:
    """A manifest of an index that is no image, with what it names."""
    manifest = manifests.parse(content, entry.media_type)
    assert isinstance(manifest, Manifest)
    for part in (manifest.config, *manifest.layers):
        data = tag_documents.blob(database, index, part.digest)
        if data is not None and not repository.has_blob(part.digest):
            upload(repository, _reader(data), part.digest, len(data), client.options.patience)
    repository.put_manifest(entry.digest, content, entry.media_type)


def _reader(data: bytes) -> Read:
    return lambda start, size: data[start : start + size]


class _Push:
    def __init__(
        self,
        database: Database,
        paths: Paths,
        client: Client,
        name: Reference,
        image_id: str,
        on_event: Listener,
        wanted: origins.Stored | None = None,
        tag: str = "",
    ) -> None:
        """`wanted` is the manifest that the image must have there, `tag` what it is put under: a tag or its digest."""
        self._database, self._paths, self._client, self._name = database, paths, client, name
        self._image_id, self._on_event = image_id, on_event
        self._wanted, self._tag = wanted, tag or name.tag
        self._exact = _layers_of(wanted)
        self._repository: Repository = client.repository(name, for_writing=True)
        self._cancelled = threading.Event()

    def run(self, layers: tuple[str, ...], diff_ids: tuple[str, ...]) -> Pushed:
        held = [layer for layer in layers if snapshots.hold(self._database, layer)]
        try:
            blobs = self._send_layers(layers, diff_ids)
            fault.point("push.layers")
            content, media_type = self._send_config(blobs)
            fault.point("push.configured")
            self._repository.put_manifest(self._tag, content, media_type)
            fault.point("push.tagged")
            return self._record(content, media_type, blobs)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise Unavailable(
                f"write {self._paths.tmp}: no space left on device",
                hint="a layer is compressed before it is sent: free some space (sampan system df, sampan image prune)",
            ) from error
        finally:
            with self._database.transaction(durable=False):
                for layer in held:
                    snapshots.release(self._database, layer)

    def _record(self, content: bytes, media_type: str, blobs: list[origins.Blob]) -> Pushed:
        digest = digest_of(content)
        with self._database.transaction():
            origins.record_blobs(self._database, blobs)
            origins.record_digest(self._database, self._name.name, digest, self._image_id)
            origins.record_manifest(self._database, self._image_id, origins.Stored(digest, media_type, content))
            happenings.record_moved(self._database, self._image_id, "push", self._name)
        fault.point("push.recorded")
        if self._tag == self._name.tag:
            self._on_event(Line(f"{self._name.tag}: digest: {digest} size: {len(content)}"))
        return Pushed(digest, len(content))

    # Layers

    def _send_layers(self, layers: tuple[str, ...], diff_ids: tuple[str, ...]) -> list[origins.Blob]:
        """The layers' blobs in the repository, lowest first."""
        pairs = dict(zip(diff_ids, layers, strict=True))
        for diff_id in reversed(pairs):
            self._tell(diff_id, "Preparing")
        for diff_id in list(reversed(pairs))[AT_ONCE + 1 :]:
            self._tell(diff_id, "Waiting")
        self._repository.ping().discard()  # one answer says for all threads how the registry is spoken to
        pool = ThreadPoolExecutor(AT_ONCE, "layer")
        jobs = {diff_id: pool.submit(self._send, pairs[diff_id], diff_id) for diff_id in reversed(pairs)}
        try:
            _wait(list(jobs.values()))
            return [jobs[diff_id].result() for diff_id in diff_ids]
        except BaseException:
            self._cancelled.set()
            self._repository.cancelled.set()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _send(self, snapshot_id: str, diff_id: str) -> origins.Blob:
        known = origins.blobs_of(self._database, diff_id, self._name.registry)
        if self._wanted is not None:
            known = tuple(blob for blob in known if blob.digest in self._exact)
        for blob in known:
            if blob.repository == self._name.name:
                if self._repository.has_blob(blob.digest):
                    self._tell(diff_id, "Layer already exists")
                    return blob
                origins.forget_blob(self._database, blob.repository, blob.digest)
        others = [blob for blob in known if blob.repository != self._name.name]
        for blob in others[:_MOST_MOUNTS]:
            origin = blob.repository.partition("/")[2]
            if self._repository.mount(blob.digest, origin):
                self._tell(diff_id, f"Mounted from {origin}")
                return blob._replace(repository=self._name.name)
        return self._send_bytes(snapshot_id, diff_id)

    def _send_bytes(self, snapshot_id: str, diff_id: str) -> origins.Blob:
        """Compress and upload, unless the repository has what compressing it gave the last time."""
        known = origins.compressed(self._database, diff_id)
        if known is not None and self._repository.has_blob(known.digest):
            self._tell(diff_id, "Layer already exists")
            return known._replace(repository=self._name.name)
        with tempfile.TemporaryFile(dir=self._paths.tmp) as file:
            made = compressing.compress(self._database, self._paths, snapshot_id, file.fileno())
            blob = origins.Blob(_HERE, made.digest, diff_id, made.size, manifests.DOCKER_LAYER)
            with self._database.transaction(durable=False):  # only a guess for the next push, which asks
                origins.record_blobs(self._database, [blob])
            fault.point("push.compressed")
            if (known is None or known.digest != made.digest) and self._repository.has_blob(made.digest):
                self._tell(diff_id, "Layer already exists")
            else:
                self._upload(file.fileno(), blob)
                self._tell(diff_id, "Pushed")
        fault.point("push.layer")
        return blob._replace(repository=self._name.name)

    def _upload(self, file: int, blob: origins.Blob) -> None:
        def on_progress(sent: int) -> None:
            self._tell(blob.diff_id, "Pushing", sent, blob.size)

        def read(start: int, size: int) -> bytes:
            return os.pread(file, size, start)

        upload(self._repository, read, blob.digest, blob.size, self._client.options.patience, on_progress)

    # Documents

    def _send_config(self, blobs: list[origins.Blob]) -> tuple[bytes, str]:
        """Send the configuration; the manifest and its media type."""
        row = self._database.row("SELECT config FROM image WHERE id = ?", (self._image_id,))
        if row is None:
            raise NotFound(f"No such image: {self._image_id}")
        document = str(row[0]).encode()
        if not self._repository.has_blob(self._image_id):
            patience = self._client.options.patience
            upload(
                self._repository,
                lambda start, size: document[start : start + size],
                self._image_id,
                len(document),
                patience,
            )
        if self._wanted is not None:
            missing = self._exact - {blob.digest for blob in blobs}
            if missing:
                raise Corrupt(
                    f"layers of {self._name.familiar()} give other bytes than its manifest says: {min(missing)}",
                    hint="build it again",
                )
            return self._wanted.content, self._wanted.media_type
        for stored in origins.manifests_of(self._database, self._image_id):
            kept = manifests.parse(stored.content, stored.media_type)
            if isinstance(kept, Manifest) and _is_of(kept, self._image_id, blobs):
                return stored.content, stored.media_type
        manifest = manifest_of(self._image_id, len(document), [blob.descriptor for blob in blobs])
        return manifests.encode(manifest), manifest.media_type

    def _tell(self, diff_id: str, status: str, current: int = 0, total: int = 0) -> None:
        self._on_event(LayerStatus(diff_id.partition(":")[2][:12], status, current, total))


def _layers_of(stored: origins.Stored | None) -> frozenset[str]:
    document = manifests.parse(stored.content, stored.media_type) if stored is not None else None
    return frozenset(layer.digest for layer in document.layers) if isinstance(document, Manifest) else frozenset()


def _is_of(manifest: Manifest, image_id: str, blobs: list[origins.Blob]) -> bool:
    """Whether a manifest is of these very blobs."""
    return manifest.config.digest == image_id and [layer.digest for layer in manifest.layers] == [
        blob.digest for blob in blobs
    ]


def manifest_of(image_id: str, config_size: int, layers: list[Descriptor]) -> Manifest:
    """The manifest of an image: Docker's kind, or OCI's where a layer is compressed with zstd. Pure."""
    is_oci = any("zstd" in layer.media_type for layer in layers)
    return Manifest(
        media_type=manifests.OCI_MANIFEST if is_oci else manifests.DOCKER_MANIFEST,
        config=Descriptor(
            media_type=manifests.OCI_CONFIG if is_oci else manifests.DOCKER_CONFIG, digest=image_id, size=config_size
        ),
        layers=tuple(
            Descriptor(media_type=_layer_type(layer.media_type, is_oci), digest=layer.digest, size=layer.size)
            for layer in layers
        ),
    )


def _layer_type(media_type: str, is_oci: bool) -> str:
    if "zstd" in media_type:
        return manifests.OCI_LAYER + "+zstd"
    if "gzip" in media_type:
        return manifests.OCI_LAYER + "+gzip" if is_oci else manifests.DOCKER_LAYER
    return manifests.OCI_LAYER if is_oci else manifests.DOCKER_LAYER.removesuffix(".gzip")


def _wait(jobs: list[Future[origins.Blob]]) -> None:
    """Wait until all are done, or one fails, whose error is raised."""
    done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
    for job in done:
        error = job.exception()
        if error is not None:
            raise error
