"""The layers of an image on their way from a registry into the store.

They come side by side; each is decompressed, checked and unpacked while it arrives. What was interrupted goes on the
next time: finished layers are found by their diff ID, others in their partial files.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from sampan.errors import Corrupt, SampanError, Unavailable
from sampan.images import origins
from sampan.images.progress import Event, LayerStatus, Listener
from sampan.linux import fault
from sampan.oci.manifest import Descriptor
from sampan.registry import partial
from sampan.registry.client import Client, Repository
from sampan.registry.download import Download
from sampan.storage import compression, foreign, snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths

AT_ONCE = 3


def _wait(jobs: list[Future[str]]) -> None:
    """Wait until all are done, or one fails, whose error is raised."""
    done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
    for job in done:
        error = job.exception()
        if error is not None:
            raise error


class Layers:
    """fetch() them, commit what names them together with what was `seen`, then release() them, in any case."""

    def __init__(
        self, database: Database, paths: Paths, client: Client, repository: Repository, on_event: Listener
    ) -> None:
        self._database, self._paths, self._client, self._repository = database, paths, client, repository
        self._on_event = on_event
        self._held: set[str] = set()
        self.seen: list[origins.Blob] = []
        self._running: set[Download] = set()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    def release(self) -> None:
        """Give up the leases."""
        with self._database.transaction(durable=False):
            for snapshot_id in self._held:
                snapshots.release(self._database, snapshot_id)
        self._held.clear()

    def fetch(self, descriptors: Sequence[Descriptor], diff_ids: Sequence[str]) -> list[str]:
        """The snapshots of all layers, lowest first, leased. Raises as a pull does."""
        layers = list(zip(descriptors, diff_ids, strict=True))
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
            blob = origins.Blob(
                self._repository.name.name, descriptor.digest, diff_id, descriptor.size, descriptor.media_type
            )
            with self._lock:
                self.seen.append(blob)

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
