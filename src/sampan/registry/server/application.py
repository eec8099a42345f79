"""Every request: what it asks for, whether the caller may, the answer, and what is counted and logged of it."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from sampan.errors import SampanError
from sampan.registry.server import (
    answers,
    blob_requests,
    layout,
    manifest_requests,
    page,
    upload_requests,
)
from sampan.registry.server.guard import BASIC, Caller, Guard
from sampan.registry.server.manifests import unknown_name
from sampan.registry.server.metrics import Metrics
from sampan.registry.server.problems import Problem, problem
from sampan.registry.server.registry import Registry
from sampan.registry.server.routes import METHODS, Route, action, find, is_write
from sampan.registry.server.upstream import Upstream

_Handler = Callable[[Registry, web.BaseRequest, Route], Awaitable[web.StreamResponse]]
_HANDLERS: dict[tuple[str, str], _Handler] = {
    ("manifest", "GET"): manifest_requests.read,
    ("manifest", "HEAD"): manifest_requests.read,
    ("manifest", "PUT"): manifest_requests.write,
    ("manifest", "DELETE"): manifest_requests.delete,
    ("blob", "GET"): blob_requests.read,
    ("blob", "HEAD"): blob_requests.read,
    ("blob", "DELETE"): blob_requests.delete,
    ("upload", "GET"): upload_requests.state,
    ("upload", "PATCH"): upload_requests.append,
    ("upload", "PUT"): upload_requests.finish,
    ("upload", "DELETE"): upload_requests.cancel,
    ("tags", "GET"): manifest_requests.tags,
    ("tags", "HEAD"): manifest_requests.tags,
    ("referrers", "GET"): manifest_requests.referrers,
    ("referrers", "HEAD"): manifest_requests.referrers,
}


class Application:
    """The registry's HTTP face; `log` takes one line a request, or is None."""

    def __init__(
        self,
        registry: Registry,
        guard: Guard,
        metrics: Metrics,
        log: Callable[[str], None] | None = None,
        upstream: Upstream | None = None,
    ) -> None:
        self.registry, self.guard, self.metrics, self.upstream = registry, guard, metrics, upstream
        self._log = log

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; nothing but a client that is gone raises."""
        begun = self.metrics.begin()
        route = find(request.path)
        status, sent = 499, 0
        try:
            response = await self._answer(request, route)
            status, sent = response.status, response.content_length or 0
            return response
        finally:
            kind = route.kind if route is not None else "other"
            self.metrics.end(begun, kind, request.method, status, sent if request.method != "HEAD" else 0)
            if self._log is not None:
                spent = (time.monotonic() - begun) * 1000
                self._log(f"{request.remote} {request.method} {request.path!r} {status} {spent:.1f}ms")

    async def _answer(self, request: web.BaseRequest, route: Route | None) -> web.StreamResponse:
        try:
            response = await self._dispatch(request, route)
        except Problem as refused:
            response = answers.refusal(refused)
        except SampanError as error:
            print(f"registry: {request.method} {request.path!r}: {error.message}", file=sys.stderr)
            response = answers.refusal(problem("UNKNOWN", error.message, status=503, hint=error.hint))
        except TimeoutError:
            raise ConnectionResetError("the client took or sent nothing for minutes") from None
        except (ConnectionError, web.RequestPayloadError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - one request's failure must not end the others
            print(f"registry: {request.method} {request.path!r}: {type(error).__name__}: {error}", file=sys.stderr)
            response = answers.refusal(problem("UNKNOWN", "the registry failed; its log says why", status=500))
        if not response.prepared:
            response.headers.setdefault(*answers.VERSION_HEADER)
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    async def _dispatch(self, request: web.BaseRequest, route: Route | None) -> web.StreamResponse:
        if route is None:
            raise problem("UNSUPPORTED", "there is nothing here", status=404)
        if request.method not in METHODS[route.kind]:
            raise problem(
                "UNSUPPORTED", f"{request.method} is not for this", headers={"Allow": ", ".join(METHODS[route.kind])}
            )
        if not route.repository:
            return await self._general(request, route)
        layout.checked_name(route.repository)
        await self.guard.admit(request, [(route.repository, action(route, request.method))])
        self._check_mode(request, route)
        await _continue(request)
        if route.kind == "uploads":
            may_mount = await self._may_mount(request)
            return await upload_requests.begin(self.registry, request, route, may_mount=may_mount)
        if self.upstream is not None and route.kind in ("manifest", "blob", "tags", "referrers"):
            response = await self._fetch(self.upstream, request, route)
            if response is not None:
                return response
        return await _HANDLERS[route.kind, request.method](self.registry, request, route)

    async def _fetch(self, upstream: Upstream, request: web.BaseRequest, route: Route) -> web.StreamResponse | None:
        """See that what a client reads is here; an answer where it is still on its way."""
        if request.method not in ("GET", "HEAD"):
            return None
        if route.kind == "manifest":
            await upstream.manifest(route)
            return None
        if route.kind == "tags":
            found = await upstream.tags(route.repository)
            return None if found is None else manifest_requests.tags_page(request, route.repository, found)
        if route.kind == "referrers":
            subject = layout.checked_digest(route.name)
            listed = await upstream.referrers(route.repository, subject)
            return None if listed is None else manifest_requests.referrers_page(request, route, subject, listed)
        return await upstream.blob(request, route, blob_requests.headers_of(route.name))

    def _check_mode(self, request: web.BaseRequest, route: Route) -> None:
        if not is_write(route, request.method):
            return
        if self.upstream is not None and request.method != "DELETE":
            raise problem("UNSUPPORTED", "the registry is a cache of another one: push there")
        if self.registry.limits.is_read_only:
            raise problem("UNSUPPORTED", "the registry is read-only")
        if request.method == "DELETE" and route.kind != "upload" and not self.registry.limits.allows_delete:
            raise problem("UNSUPPORTED", "the registry deletes nothing")

    async def _may_mount(self, request: web.BaseRequest) -> bool:
        """A blob is mounted only from where the client could read it; else it is uploaded."""
        source = request.query.get("from", "")
        if not source or not request.query.get("mount"):
            return True
        try:
            await self.guard.admit(request, [(source, "pull")])
        except Problem:
            return False
        return True

    async def _general(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        """What belongs to no repository."""
        if route.kind == "health":
            await self.registry.run(self.registry.medium.look, layout.LAYOUT)
            return web.Response(text="ok\n")
        if route.kind == "token":
            return answers.document(await self.guard.token(request), headers={"Cache-Control": "no-store"})
        caller = await self._known(request, route)
        if route.kind == "version":
            return answers.document({})
        if route.kind == "metrics":
            return web.Response(text=self.metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})
        visible = await self._visible(caller)
        if route.kind == "catalog":
            return await manifest_requests.catalog(self.registry, request, visible)
        return web.Response(text=await self._page(route, visible), headers=page.HEADERS)

    async def _known(self, request: web.BaseRequest, route: Route) -> Caller:
        """The caller. A client learns at /v2/ that there are logins, even where it could read without one."""
        if route.kind in ("page", "metrics"):
            try:
                return await self.guard.known(request)
            except Problem as refused:
                if refused.status == 401:  # browsers and Prometheus know no token service
                    refused.headers["WWW-Authenticate"] = BASIC
                raise
        if route.kind != "version" or self.guard.is_open:
            return await self.guard.known(request)
        caller = await self.guard.caller(request, ())
        if not caller.user and caller.access is None:
            raise self.guard.challenge(request, ())
        return caller

    async def _visible(self, caller: Caller) -> Sequence[str]:
        names = await self.registry.run(self.registry.content.repositories)
        return [name for name in names if self.guard.sees(caller, name)]

    async def _page(self, route: Route, visible: Sequence[str]) -> str:
        name, _, reference = route.name.partition("@")
        if not name:
            return await self.registry.run(page.repositories, self.registry, visible)
        if name not in visible:
            raise unknown_name(name[:300])
        if not reference:
            return await self.registry.run(page.repository, self.registry, name)
        stored = await self.registry.run(self.registry.manifests.get, name, reference)
        return await self.registry.run(page.manifest, self.registry, name, stored)


async def _continue(request: web.BaseRequest) -> None:
    """A client that waits to hear whether its body is wanted hears it once it may send (RFC 9110, section 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
