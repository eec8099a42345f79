"""Requests that bring blobs: end-4, 5, 6, 11, 13 and 14 of the specification."""

import asyncio
from contextlib import suppress

from aiohttp import web

from sampan.errors import Unavailable
from sampan.registry.server import layout, ranges
from sampan.registry.server.bodies import IDLE_SECONDS
from sampan.registry.server.medium import Entry
from sampan.registry.server.problems import Problem, problem
from sampan.registry.server.registry import Registry
from sampan.registry.server.routes import Route
from sampan.registry.server.uploads import Receiving

_LEAST_BATCH, _MOST_BATCH = 128 << 10, 1 << 20
_BATCHES_BYTES = 16 << 20
"""Of all uploads together: each has two batches, one that is received and one that is written."""
_LAST_BYTES_SECONDS = 2.0


async def begin(registry: Registry, request: web.BaseRequest, route: Route, *, may_mount: bool) -> web.StreamResponse:
    """POST: mount a blob, take a whole one, or begin an upload. `may_mount`: the client may read the source."""
    mounted = request.query.get("mount", "")
    if mounted and await _mount(registry, request, route, mounted, may_mount):
        return _created(route.repository, mounted)
    whole, algorithm = request.query.get("digest", ""), request.query.get("digest-algorithm", "sha256")
    if whole:
        algorithm = layout.checked_digest(whole).partition(":")[0]
    if algorithm not in layout.HEX_DIGITS:
        raise problem("DIGEST_INVALID", f"unsupported digest algorithm: {algorithm[:40]}")
    limit = registry.limits.uploads
    if limit and await registry.run(registry.uploads.are_too_many, limit):
        raise problem("TOOMANYREQUESTS", f"there are {limit} uploads already", headers={"Retry-After": "10"})
    await registry.run(registry.quota.check, route.repository, request.content_length or 1)
    identifier = await registry.run(registry.uploads.begin, route.repository, algorithm)
    if not whole:
        return _accepted(route.repository, identifier, 0)
    try:
        await _receive(registry, request, route, identifier, 0)
    except BaseException:  # the client does not know the upload: nobody could go on with it
        await asyncio.shield(registry.start(registry.uploads.cancel, identifier))
        registry.quota.end(identifier)
        raise
    return await _finish(registry, route.repository, identifier, whole)


async def _mount(registry: Registry, request: web.BaseRequest, route: Route, digest: str, may_mount: bool) -> bool:
    layout.checked_digest(digest)
    source = request.query.get("from", "")
    if not source:
        link = layout.blob_link(route.repository, digest)
        return await registry.run(registry.content.promise, link, digest) is not None
    if not may_mount:
        return False
    layout.checked_name(source)
    entry = await registry.run(registry.content.find, source, digest)
    if entry is None:
        return False
    await registry.run(registry.quota.check, route.repository, entry.size_bytes)
    return await registry.run(registry.content.mount, source, route.repository, digest)


async def state(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    """GET: how much has come."""
    found = await _state(registry, route)
    return _accepted(route.repository, route.name, found.size_bytes, status=204)


async def append(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    """PATCH: the next chunk, or all of it in a stream."""
    found = await _state(registry, route)
    expected = found.size_bytes + (request.content_length or 1)
    await registry.run(registry.quota.check, route.repository, expected, route.name)
    size = await _receive(registry, request, route, route.name, found.size_bytes)
    return _accepted(route.repository, route.name, size)


async def finish(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    """PUT: the last chunk, or the whole, or nothing, and the digest of all."""
    found = await _state(registry, route)
    digest = layout.checked_digest(request.query.get("digest", ""))
    expected = found.size_bytes + (request.content_length or 0)
    await registry.run(registry.quota.check, route.repository, expected, route.name)
    if request.body_exists and request.content_length != 0:
        await _receive(registry, request, route, route.name, found.size_bytes)
    return await _finish(registry, route.repository, route.name, digest)


async def cancel(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    await registry.run(registry.uploads.state, route.repository, route.name)
    await registry.run(registry.uploads.cancel, route.name)
    registry.quota.end(route.name)
    return web.Response(status=204)


async def _state(registry: Registry, route: Route) -> Entry:
    """How much has come. A client whose connection broke may be back before its last bytes are written: these count."""
    written = registry.written.get(route.name)
    if written is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_BYTES_SECONDS):
                await written.wait()
    return await registry.run(registry.uploads.state, route.repository, route.name)


async def _finish(registry: Registry, repository: str, identifier: str, digest: str) -> web.StreamResponse:
    found = await registry.run(registry.uploads.state, repository, identifier)
    await registry.run(registry.quota.check, repository, found.size_bytes, identifier)
    try:
        await registry.run(registry.uploads.finish, repository, identifier, digest)
    finally:
        registry.quota.end(identifier)
    registry.quota.take(repository, found.size_bytes)
    return _created(repository, digest)


async def _receive(registry: Registry, request: web.BaseRequest, route: Route, identifier: str, offset: int) -> int:
    """Take the body on at `offset`; the size of all. What had come when the client left is kept, to be gone on with."""
    wanted = ranges.next_part(request.headers.get("Content-Range", ""), offset, request.content_length)
    limit = registry.limits.blob_bytes
    if limit and offset + (wanted or 0) > limit:
        raise _too_large(limit)
    receiving = await registry.run(registry.uploads.append, identifier, offset)
    written = registry.written[identifier] = asyncio.Event()
    try:
        end = await _pump(registry, request, route, identifier, receiving, offset)
    except (Unavailable, Problem):  # the disk is full, or the blob too large: half a blob must not keep space
        await asyncio.shield(registry.start(registry.uploads.cancel, identifier))
        registry.quota.end(identifier)
        raise
    finally:
        await asyncio.shield(registry.start(receiving.close))
        registry.written.pop(identifier, None)
        written.set()
    if wanted is not None and end - offset != wanted:
        raise problem("SIZE_INVALID", f"{wanted} bytes were announced, {end - offset} came")
    return end


async def _pump(
    registry: Registry, request: web.BaseRequest, route: Route, identifier: str, receiving: Receiving, size: int
) -> int:
    """Write what comes, one batch while the next one is received: two batches are in memory at most.

    A body need not say its length, so each batch is checked. When the client leaves, what has come is written all the
    same.
    """
    writing: asyncio.Future[None] | None = None
    parts: list[bytes] = []
    registry.receiving += 1
    try:
        while await _fill(registry, request, parts):
            size += sum(map(len, parts))
            try:
                await _check_size(registry, route.repository, identifier, size)
            except Problem:
                parts = []
                raise
            if writing is not None:
                await writing
            writing, parts = registry.start(receiving.write, parts), []
        if writing is not None:
            await writing
    except BaseException:
        with suppress(Exception):
            if writing is not None:
                await asyncio.shield(writing)
            if parts:
                await asyncio.shield(registry.start(receiving.write, parts))
        raise
    finally:
        registry.receiving -= 1
    return size


async def _check_size(registry: Registry, repository: str, identifier: str, size_bytes: int) -> None:
    """Raises SIZE_INVALID or DENIED for a blob that has grown so large."""
    limits = registry.limits
    if limits.blob_bytes and size_bytes > limits.blob_bytes:
        raise _too_large(limits.blob_bytes)
    if limits.total_bytes or limits.repository_bytes:
        await registry.run(registry.quota.check, repository, size_bytes, identifier)


async def _fill(registry: Registry, request: web.BaseRequest, parts: list[bytes]) -> bool:
    """Receive a batch into `parts`; False at the end of the body. Uploads share the memory that batches may take."""
    wanted = min(_MOST_BATCH, max(_LEAST_BATCH, _BATCHES_BYTES // registry.receiving))
    while wanted > 0:
        async with asyncio.timeout(IDLE_SECONDS):
            data = await request.content.readany()
        if not data:
            break
        parts.append(data)
        wanted -= len(data)
    return bool(parts)


def _too_large(limit: int) -> Exception:
    return problem("SIZE_INVALID", f"blobs may have {limit} bytes", status=413)


def _created(repository: str, digest: str) -> web.Response:
    place = f"/v2/{repository}/blobs/{digest}"
    return web.Response(status=201, headers={"Location": place, "Docker-Content-Digest": digest})


def _accepted(repository: str, identifier: str, size_bytes: int, status: int = 202) -> web.Response:
    headers = {
        "Location": f"/v2/{repository}/blobs/uploads/{identifier}",
        "Range": ranges.received(size_bytes),
        "Docker-Upload-UUID": identifier,
    }
    return web.Response(status=status, headers=headers)
