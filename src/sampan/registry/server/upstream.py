"""A pull-through cache: what a client wants and is not here comes from another registry, and stays.

A tag is asked for again after a minute; when the upstream does not answer, the one that is known is served. A blob goes
to the client while it arrives, its last byte only once its digest is right: a client never takes what is broken for
whole. However many want the same, it is fetched once.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from sampan.errors import Corrupt, NotFound, SampanError, Unavailable
from sampan.oci import manifest as documents
from sampan.oci.reference import Reference
from sampan.registry.client import Client, Repository
from sampan.registry.failures import Refused, Unreachable
from sampan.registry.server import layout
from sampan.registry.server.content import unknown_blob
from sampan.registry.server.manifests import unknown_name
from sampan.registry.server.metrics import Metrics
from sampan.registry.server.problems import Problem, problem
from sampan.registry.server.registry import Registry
from sampan.registry.server.routes import Route
from sampan.registry.server.uploads import Receiving
from sampan.registry.transport import Response

_THREADS = 16
_PIECE = 256 << 10
_ATTEMPTS = 5
_STEP = 1 << 20
_SEND_SECONDS = 300


class Flight:
    """A blob that is on its way here. Only the event loop's thread reads or changes it."""

    def __init__(self) -> None:
        self.size = -1
        self.arrived = 0
        self.path = ""
        self.is_done = False
        self.failure: BaseException | None = None
        self._changed = asyncio.Event()

    def advance(self, size: int, arrived: int, path: str) -> None:
        self.size, self.arrived, self.path = size, arrived, path
        self._wake()

    def end(self, failure: BaseException | None) -> None:
        self.is_done, self.failure = True, failure
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Until the condition holds or it has ended. Raises what stopped it."""
        while not condition() and not self.is_done:
            await self._changed.wait()
        if self.failure is not None:
            raise self.failure

    @property
    def ready(self) -> int:
        """How many bytes may be sent: all but the last until the digest is known to be right."""
        return self.size if self.is_done and self.failure is None else min(self.arrived, self.size - 1)


class Upstream:
    """The registry `host` behind a cache."""

    def __init__(self, registry: Registry, client: Client, host: str, metrics: Metrics, fresh_seconds: float) -> None:
        self._registry, self._client, self._host, self._metrics = registry, client, host, metrics
        self._fresh_seconds = fresh_seconds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="upstream")
        self._flights: dict[tuple[str, str], Flight] = {}
        self._asking: dict[tuple[str, str], asyncio.Future[None]] = {}
        self._closing = threading.Event()

    def close(self) -> None:
        self._closing.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _repository(self, name: str) -> Repository:
        return self._client.repository(Reference(self._host, name))

    # Manifests

    async def manifest(self, route: Route) -> None:
        """See that a manifest is here, if there is one. Raises MANIFEST_UNKNOWN, Unavailable."""
        key = (route.repository, route.name)
        asking = self._asking.get(key)
        if asking is None:
            loop = asyncio.get_running_loop()
            asking = loop.run_in_executor(self._threads, self._ensure, route.repository, route.name)
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        await asyncio.shield(asking)

    def _ensure(self, repository: str, reference: str) -> None:
        manifests, content = self._registry.manifests, self._registry.content
        if ":" in reference:
            link = layout.manifest_link(repository, layout.checked_digest(reference))
            if content.promise(link, reference) is None:
                self._fetch_manifest(repository, reference)
            return
        key = layout.tag(repository, reference) if layout.is_tag(reference) else ""
        entry = self._registry.medium.look(key) if key else None
        if entry is not None and time.time() - entry.modified < self._fresh_seconds:
            return
        try:
            digest = self._repository(repository).head_manifest(reference) or ""
            if not digest or content.promise(layout.manifest_link(repository, digest), digest) is None:
                self._fetch_manifest(repository, reference)
            else:
                manifests.retag(repository, reference, digest)
        except (Unreachable, Refused, Unavailable) as error:
            if entry is None:
                raise Unavailable(f"{self._host}: {error.message}", hint=error.hint) from None

    def _fetch_manifest(self, repository: str, reference: str) -> None:
        try:
            fetched = self._repository(repository).manifest(reference)
        except NotFound:
            raise problem("MANIFEST_UNKNOWN", "manifest unknown", detail={"reference": reference}) from None
        media_type = fetched.media_type
        if media_type.partition(";")[0].strip().lower() not in documents.ACCEPTED:
            media_type = documents.parse(fetched.content).media_type
        tags = [] if ":" in reference else [reference]
        self._registry.manifests.cache(repository, fetched.digest, media_type, fetched.content, tags)
        self._metrics.add("fetched_total", 1)

    async def tags(self, repository: str) -> list[str] | None:
        """The tags that the upstream has, sorted; None when it does not answer. Raises NAME_UNKNOWN."""
        loop = asyncio.get_running_loop()
        try:
            return sorted(await loop.run_in_executor(self._threads, self._repository(repository).tags))
        except NotFound:
            raise unknown_name(repository) from None
        except Unavailable:
            return None

    async def referrers(self, repository: str, digest: str) -> list[dict[str, Any]] | None:
        """What refers to a manifest in the upstream; None when it does not answer."""
        loop = asyncio.get_running_loop()
        subject = layout.checked_digest(digest)
        try:
            return await loop.run_in_executor(self._threads, lambda: self._repository(repository).referrers(subject))
        except NotFound:
            return []
        except Unavailable:
            return None

    # Blobs

    async def blob(self, request: web.BaseRequest, route: Route, headers: dict[str, str]) -> web.StreamResponse | None:
        """Answer with a blob that is on its way; None once it is here, to be answered as any. Raises BLOB_UNKNOWN."""
        digest = layout.checked_digest(route.name)
        if await self._registry.run(self._registry.content.find, route.repository, digest) is not None:
            return None
        flight = self._flight(route.repository, digest)
        try:
            await flight.wait(lambda: flight.size >= 0)
            if flight.size < 0:
                return None  # it came while this was asked
            if request.method == "HEAD":
                return web.Response(headers={**headers, "Content-Length": str(flight.size)})
            if request.headers.get("Range") or not flight.path or flight.is_done:
                await flight.wait(lambda: False)
                return None
            try:
                fd = os.open(flight.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:  # it has just become a blob
                await flight.wait(lambda: False)
                return None
        except NotFound:
            raise unknown_blob(digest) from None
        try:
            return await self._send(request, flight, headers, fd)
        finally:
            os.close(fd)

    def _flight(self, repository: str, digest: str) -> Flight:
        key = (repository, digest)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = Flight()
            loop = asyncio.get_running_loop()
            fetching = loop.run_in_executor(self._threads, self._fetch_blob, repository, digest, flight, loop)
            fetching.add_done_callback(lambda done: self._landed(key, flight, done))
        return flight

    def _landed(self, key: tuple[str, str], flight: Flight, done: "asyncio.Future[None]") -> None:
        self._flights.pop(key, None)
        flight.end(ConnectionResetError("the registry ends") if done.cancelled() else done.exception())

    async def _send(
        self, request: web.BaseRequest, flight: Flight, headers: dict[str, str], fd: int
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        response.content_length = flight.size
        await response.prepare(request)
        sent = 0
        while sent < flight.size:
            try:
                await flight.wait(lambda: flight.ready > sent)  # noqa: B023 - awaited before it changes
            except (SampanError, Problem) as error:
                raise ConnectionResetError(f"the upstream failed: {error}") from None
            data = await self._registry.run(os.pread, fd, min(_STEP, flight.ready - sent), sent)
            async with asyncio.timeout(_SEND_SECONDS):
                await response.write(data)
            sent += len(data)
        await response.write_eof()
        return response

    def _fetch_blob(self, repository: str, digest: str, flight: Flight, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: the blob becomes one of the repository's, as by an upload."""
        if self._registry.content.find(repository, digest) is not None:
            return  # another flight landed between the look and this one
        uploads = self._registry.uploads
        source = self._repository(repository)
        answer = source.open_blob(digest)
        identifier = uploads.begin(repository, digest.partition(":")[0])
        path = self._registry.medium.path(f"{layout.upload(identifier)}/data") or ""
        try:
            size = _length(answer, digest)

            def arrived(count: int) -> None:
                loop.call_soon_threadsafe(flight.advance, size, count, path)

            receiving = uploads.append(identifier, 0)
            try:
                self._receive(source, digest, answer, size, receiving, arrived)
            finally:
                receiving.close()
            self._registry.quota.check(repository, size, identifier)
            self._registry.content.cache(repository)
            uploads.finish(repository, identifier, digest)
            self._registry.quota.take(repository, size)
        except Problem as refused:
            uploads.cancel(identifier)
            if refused.code != "DIGEST_INVALID":
                raise
            raise Corrupt(f"{self._host} sent something else for {digest}") from None
        except BaseException:
            uploads.cancel(identifier)
            raise
        finally:
            self._registry.quota.end(identifier)
        self._metrics.add("fetched_total", 1)
        self._metrics.add("fetched_bytes_total", size)

    def _receive(
        self,
        source: Repository,
        digest: str,
        answer: Response,
        size: int,
        receiving: Receiving,
        arrived: Callable[[int], None],
    ) -> None:
        """Take the whole in; a connection that breaks is followed by one that goes on where it stopped."""
        count, attempt = 0, 0
        arrived(0)
        while True:
            try:
                while piece := answer.read(_PIECE):
                    count, attempt = count + len(piece), 0
                    if count > size or self._closing.is_set():
                        raise Corrupt(f"{digest}: more than the {size} bytes that were announced")
                    receiving.write([piece])
                    arrived(count)
                if count == size:
                    answer.discard()
                    return
                raise Unreachable(f"{digest}: {size - count} bytes are missing")
            except Unreachable:
                answer.close()
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise
            answer = source.open_blob(digest, count)
            if answer.status != 206:
                answer.close()
                raise Unavailable(f"{self._host} can't go on with {digest}")


def _length(answer: Response, digest: str) -> int:
    text = answer.headers.get("content-length", "")
    if not text.isdecimal() or int(text) > documents.LARGEST_BLOB:
        raise Corrupt(f"{digest}: the upstream does not say how large it is")
    return int(text)
