"""`docker pull`: a manifest, a configuration and the layers that are missing become an image.

The manifest is fetched once, everything else by the digests in it: a tag that moves meanwhile changes nothing. Layers
come side by side, each is decompressed, checked and unpacked while it arrives. Nothing refers to a layer before all are
there; then one commit makes the image. What was interrupted goes on the next time: finished layers are found by their
diff ID, others in their partial files.
"""

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from sampan.errors import Corrupt, SampanError, Unavailable, Unsupported
from sampan.images import happenings, origins, store
from sampan.images.progress import Event, LayerStatus, Line, Listener, Warned, ignore
from sampan.linux import fault
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci.config import ImageConfig
from sampan.oci.manifest import Descriptor, Manifest
from sampan.oci.platform import Platform
from sampan.oci.reference import Reference
from sampan.registry import partial
from sampan.registry.client import Client, Fetched, Repository
from sampan.registry.download import Download
from sampan.storage import compression, foreign, gc, snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths

AT_ONCE = 3
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


def _wait(jobs: list[Future[str]]) -> None:
    """Wait until all are done, or one fails, whose error is raised."""
    done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
    for job in done:
        error = job.exception()
        if error is not None:
            raise error


class _Pull:
    """The layers of one image on their way."""

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
        self._database, self._paths, self._client, self._repository = database, paths, client, repository
        self._name, self._found, self._on_event = name, found, on_event
        self._held: set[str] = set()
        self._seen: list[origins.Blob] = []
        self._running: set[Download] = set()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> str:
        """The new image's ID."""
        self._database.require_room()
        document = self._repository.blob(self._found.manifest.config, _MOST_CONFIG_BYTES)
        fault.point("pull.configured")
        config = store.read_document(document)
        _check(config, self._found.manifest)
        try:
            layers = self._layers(config)
            fault.point("pull.layers")
            snapshots.sync(self._paths)
            with self._database.transaction():
                image_id = store.add_document(self._database, document, layers)
                origins.record_blobs(self._database, self._seen)
                _commit(self._database, image_id, self._name, self._found)
            fault.point("pull.committed")
        except BaseException as error:
            self._give_up(error)
            raise
        self._release()
        return image_id

    def _release(self) -> None:
        with self._database.transaction(durable=False):
            for snapshot_id in self._held:
                snapshots.release(self._database, snapshot_id)
        self._held.clear()

    def _give_up(self, error: BaseException) -> None:
        """What is finished stays for the next time, unless it is room that is missing."""
        self._release()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            gc.collect(self._database, self._paths)
            partial.clean(self._paths.downloads, 0)
            raise Unavailable(
                f"write {self._paths.layers}: no space left on device",
                hint="free some space: sampan system df, sampan image prune",
            ) from error

    # Layers

    def _layers(self, config: ImageConfig) -> list[str]:
        """The snapshots of all layers, lowest first, leased."""
        layers = list(zip(self._found.manifest.layers, config.diff_ids, strict=True))
        found: dict[str, str] = {}
        missing: dict[str, Descriptor] = {}
        for descriptor, diff_id in layers:
            here = found.get(diff_id) or foreign.find(self._database, diff_id)
            if here is not None:
                self._hold(here)
                found[diff_id] = here
                partial.forget(self._paths.downloads, descriptor.digest)  # whoever unpacked it was killed right then
                self._note(descriptor, diff_id, is_verified=False)
                self._tell(descriptor, "Already exists")
            elif diff_id not in missing:
                missing[diff_id] = descriptor
                self._tell(descriptor, "Pulling fs layer")
        for descriptor in list(missing.values())[AT_ONCE:]:
            self._tell(descriptor, "Waiting")
        if missing:
            found.update(self._fetch_all(missing))
        return [found[diff_id] for _, diff_id in layers]

    def _fetch_all(self, missing: dict[str, Descriptor]) -> dict[str, str]:
        pool = ThreadPoolExecutor(AT_ONCE, "layer")
        jobs = {diff_id: pool.submit(self._fetch, descriptor, diff_id) for diff_id, descriptor in missing.items()}
        try:
            _wait(list(jobs.values()))
            return {diff_id: job.result() for diff_id, job in jobs.items()}
        except BaseException:
            self._cancel()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _cancel(self) -> None:
        self._cancelled.set()
        self._client.transport.cancelled.set()
        with self._lock:
            running = list(self._running)
        for download in running:
            download.close()

    def _pause(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise Unavailable("cancelled")

    def _fetch(self, descriptor: Descriptor, diff_id: str) -> str:
        """One layer: its snapshot. A blob that does not hold what its digest says is fetched once more."""
        file = partial.PartialFile(self._paths.downloads, descriptor.digest, descriptor.size, self._pause)
        is_closed = True
        try:
            here = foreign.find(self._database, diff_id)  # another process may have had the file
            if here is not None:
                self._hold(here)
                file.remove()
                self._tell(descriptor, "Already exists")
                return here
            for is_last in (False, True):
                download = self._download(descriptor, file)
                try:
                    snapshot_id = self._unpack(download, descriptor, diff_id)
                except Corrupt as error:
                    cause = _settled(download, error)
                    if is_last or download.is_genuine:
                        file.remove()
                        raise cause from error
                    is_closed = download.close()
                    file.reset()
                    continue
                finally:
                    is_closed = download.close()
                    with self._lock:
                        self._running.discard(download)
                file.remove()
                return snapshot_id
            raise AssertionError("the last try returns or raises")
        finally:
            if is_closed:
                file.close()

    def _download(self, descriptor: Descriptor, file: partial.PartialFile) -> Download:
        total = descriptor.size

        def on_progress(arrived: int) -> None:
            if arrived < total:
                self._tell(descriptor, "Downloading", arrived)
            else:
                self._tell(descriptor, "Verifying Checksum")
                self._tell(descriptor, "Download complete")

        download = Download(self._repository, descriptor, file, self._client.options.patience, on_progress)
        with self._lock:
            if self._cancelled.is_set():
                raise Unavailable("cancelled")
            self._running.add(download)
        return download

    def _unpack(self, download: Download, descriptor: Descriptor, diff_id: str) -> str:
        download.start()
        fault.point("pull.downloading")
        plain = compression.open_decompressed(
            _Told(download, lambda count: self._extracting(download, descriptor, count))
        )
        snapshot_id = foreign.receive(self._database, self._paths, plain, diff_id=diff_id)
        self._hold(snapshot_id)
        download.finish()
        fault.point("pull.layer")
        self._note(descriptor, diff_id, is_verified=True)
        self._tell(descriptor, "Pull complete")
        return snapshot_id

    def _extracting(self, download: Download, descriptor: Descriptor, count: int) -> None:
        if download.is_complete:
            self._tell(descriptor, "Extracting", count)

    def _hold(self, snapshot_id: str) -> None:
        with self._lock:
            self._held.add(snapshot_id)

    def _note(self, descriptor: Descriptor, diff_id: str, *, is_verified: bool) -> None:
        """Remember where the layer is, if its bytes were ever seen to be that diff ID."""
        if is_verified or origins.diff_id_of(self._database, descriptor.digest) == diff_id:
            blob = origins.Blob(self._name.name, descriptor.digest, diff_id, descriptor.size, descriptor.media_type)
            with self._lock:
                self._seen.append(blob)

    def _tell(self, descriptor: Descriptor, status: str, current: int = 0) -> None:
        total = descriptor.size if current else 0
        event: Event = LayerStatus(descriptor.digest.partition(":")[2][:12], status, current, total)
        self._on_event(event)


def _settled(download: Download, error: Corrupt) -> Corrupt:
    """After a damaged layer: have the rest of it, so that its digest says whose fault it is."""
    try:
        download.finish()
    except Corrupt as other:
        return other
    except (SampanError, OSError):
        return error
    return error


class _Told:
    """A stream that says how far it was read."""

    def __init__(self, download: Download, on_read: Callable[[int], object]) -> None:
        self._download, self._on_read, self._count = download, on_read, 0

    def read(self, size: int, /) -> bytes:
        piece = self._download.read(size)
        self._count += len(piece)
        if piece:
            self._on_read(self._count)
        return piece
