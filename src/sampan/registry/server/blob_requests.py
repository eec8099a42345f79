"""Requests for blobs: end-2 and end-10 of the specification."""

from aiohttp import web

from sampan.registry.server import answers, layout, ranges
from sampan.registry.server.content import unknown_blob
from sampan.registry.server.medium import Entry
from sampan.registry.server.registry import Registry
from sampan.registry.server.routes import Route

_IMMUTABLE = "max-age=31536000, immutable"


def headers_of(digest: str) -> dict[str, str]:
    return {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": digest,
        "ETag": f'"{digest}"',
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": _IMMUTABLE,
    }


async def read(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    """GET and HEAD. HEAD promises that the blob stays: a push asks before it refers to it."""
    digest = layout.checked_digest(route.name)
    if request.method == "HEAD":
        link = layout.blob_link(route.repository, digest)
        found = await registry.run(registry.content.promise, link, digest)
    else:
        found = await registry.run(registry.content.find, route.repository, digest)
    if found is None:
        raise unknown_blob(digest)
    headers = headers_of(digest)
    if answers.is_current(request, digest):
        return web.Response(status=304, headers=headers)
    status, part = 200, (0, found.size_bytes)
    wanted = request.headers.get("Range", "")
    if wanted and request.headers.get("If-Range", "").strip('"') in ("", digest):
        some = ranges.part_of(wanted, found.size_bytes)
        if some is not None:
            status, part = 206, some
            headers["Content-Range"] = f"bytes {some[0]}-{some[0] + some[1] - 1}/{found.size_bytes}"
    if request.method == "HEAD":
        return web.Response(status=status, headers={**headers, "Content-Length": str(part[1])})
    return await _send(registry, request, headers, digest, part, status, found)


async def _send(
    registry: Registry,
    request: web.BaseRequest,
    headers: dict[str, str],
    digest: str,
    part: tuple[int, int],
    status: int,
    found: Entry,
) -> web.StreamResponse:
    key = layout.blob(digest)
    path = registry.medium.path(key)
    if path is not None:
        try:
            return await answers.send_file(request, headers, path, part, status)
        except FileNotFoundError:
            raise unknown_blob(digest) from None
    pieces = registry.medium.chunks(key, *part)

    async def following() -> bytes | None:
        return await registry.run(next, pieces, None)

    return await answers.send_chunks(request, headers, following, part[1], status)


async def delete(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    digest = layout.checked_digest(route.name)
    await registry.run(registry.content.unlink, route.repository, digest)
    return web.Response(status=202, headers={"Docker-Content-Digest": digest})
