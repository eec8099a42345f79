"""Requests for manifests, tags, referrers and the catalog: end-3, 7, 8, 9 and 12 of the specification."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from sampan.oci.manifest import OCI_INDEX
from sampan.registry.server import answers, bodies, layout, paging
from sampan.registry.server.content import digest_of
from sampan.registry.server.manifests import Stored, check_digest, unknown_name
from sampan.registry.server.problems import problem
from sampan.registry.server.registry import Registry
from sampan.registry.server.routes import Route

_CATALOG_DEFAULT, _CATALOG_MOST = 100, 1000
_MOST_TAGS = 32
_LARGEST_LIST = 4 << 20


async def read(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    """GET and HEAD; the bytes and the type as they were pushed, whatever Accept says: a client sees what it got."""
    stored: Stored = await registry.run(_get, registry, route, request.method == "HEAD")
    headers = {
        "Content-Type": stored.media_type,
        "Docker-Content-Digest": stored.digest,
        "ETag": f'"{stored.digest}"',
    }
    if answers.is_current(request, stored.digest):
        return web.Response(status=304, headers=headers)
    return web.Response(body=stored.data, headers=headers)


def _get(registry: Registry, route: Route, promised: bool) -> Stored:
    return registry.manifests.get(route.repository, route.name, promised=promised)


async def write(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    """PUT under a tag, or under the digest with any number of `tag` parameters."""
    tags = [*request.query.getall("tag", [])] if ":" in route.name else [route.name]
    for tag in tags:
        if not layout.is_tag(tag):
            raise problem("MANIFEST_INVALID", f"invalid tag: {tag[:200]}")
    if len(tags) > _MOST_TAGS:
        raise problem("MANIFEST_INVALID", f"at most {_MOST_TAGS} tags in one request", status=414)
    data = await _body(request, registry.limits.manifest_bytes)
    if ":" in route.name:
        digest = layout.checked_digest(route.name)
        await registry.run(check_digest, data, digest)
    else:
        digest = digest_of(data)
    media_type = _media_type(request, data)
    await registry.run(registry.quota.check, route.repository, len(data))
    named = await registry.run(registry.manifests.put, route.repository, digest, media_type, data, tags)
    registry.quota.take(route.repository, len(data))
    response = web.Response(status=201)
    response.headers["Location"] = f"/v2/{route.repository}/manifests/{digest}"
    response.headers["Docker-Content-Digest"] = digest
    if named.subject:
        response.headers["OCI-Subject"] = named.subject
    if ":" in route.name:
        for tag in tags:
            response.headers.add("OCI-Tag", tag)
    return response


def _media_type(request: web.BaseRequest, data: bytes) -> str:
    """The type as pushed. A client that gives none means the one in the document."""
    given = request.headers.get("Content-Type", "").strip()
    if given:
        return given
    try:
        own = json.loads(data).get("mediaType")
    except (ValueError, AttributeError, RecursionError):
        own = None
    if not isinstance(own, str):
        raise problem("MANIFEST_INVALID", "neither Content-Type nor mediaType says what the manifest is")
    return own


async def _body(request: web.BaseRequest, limit: int) -> bytes:
    parts, size = [], request.content_length or 0
    if size <= limit:
        size = 0
        async with bodies.in_time():
            async for piece in request.content.iter_any():
                parts.append(piece)
                size += len(piece)
                if size > limit:
                    break
    if size > limit:
        raise problem("MANIFEST_INVALID", f"manifests may have {limit} bytes", status=413)
    return b"".join(parts)


async def delete(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    """DELETE: a tag alone, or a manifest with all its tags."""
    if ":" in route.name:
        await registry.run(registry.manifests.delete, route.repository, layout.checked_digest(route.name))
    elif layout.is_tag(route.name):
        await registry.run(registry.manifests.untag, route.repository, route.name)
    else:
        raise problem("MANIFEST_INVALID", f"invalid tag: {route.name[:200]}")
    return web.Response(status=202)


async def tags(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    if not await registry.run(registry.content.is_known, route.repository):
        raise unknown_name(route.repository)
    return tags_page(request, route.repository, await registry.run(registry.manifests.tags, route.repository))


def tags_page(request: web.BaseRequest, repository: str, every: Sequence[str]) -> web.Response:
    """The part of all tags that a client asks for."""
    chosen, link = paging.page(every, request.query, path=f"/v2/{repository}/tags/list")
    return answers.document({"name": repository, "tags": list(chosen)}, headers=_link(link))


async def catalog(registry: Registry, request: web.BaseRequest, visible: Sequence[str]) -> web.StreamResponse:
    """The repositories that this client may see."""
    chosen, link = paging.page(
        visible, request.query, path="/v2/_catalog", default=_CATALOG_DEFAULT, most=_CATALOG_MOST
    )
    return answers.document({"repositories": list(chosen)}, headers=_link(link))


async def referrers(registry: Registry, request: web.BaseRequest, route: Route) -> web.StreamResponse:
    """An index of what refers to a manifest, which need not be here; in pages when it gets large."""
    subject, wanted = layout.checked_digest(route.name), request.query.get("artifactType", "")
    found = await registry.run(registry.manifests.referrers, route.repository, subject, wanted)
    return referrers_page(request, route, subject, found)


def referrers_page(
    request: web.BaseRequest, route: Route, subject: str, found: Sequence[Mapping[str, Any]]
) -> web.Response:
    """The part of all referrers that a client asks for."""
    wanted = request.query.get("artifactType", "")
    found = [one for one in found if not wanted or one.get("artifactType") == wanted]
    by_digest = {descriptor["digest"]: descriptor for descriptor in found}
    path = f"/v2/{route.repository}/referrers/{subject}"
    chosen, link = paging.page(list(by_digest), request.query, path=path)
    fitting = _fitting([by_digest[digest] for digest in chosen])
    if len(fitting) < len(chosen):
        link = paging.link(path, {**request.query, "last": fitting[-1]["digest"]})
    headers = {"Content-Type": OCI_INDEX, **({"OCI-Filters-Applied": "artifactType"} if wanted else {}), **_link(link)}
    return answers.document({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": fitting}, headers=headers)


def _fitting(descriptors: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """As many as a client must be able to read in one document; one at least."""
    size = 0
    for number, descriptor in enumerate(descriptors):
        size += len(json.dumps(descriptor)) + 1
        if size > _LARGEST_LIST - 1024 and number:
            return descriptors[:number]
    return descriptors


def _link(value: str) -> dict[str, str]:
    return {"Link": value} if value else {}
