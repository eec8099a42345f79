"""Which request means what: paths of the specification ("Endpoints"), and of what sampan adds (pure)."""

import re

from sampan.values import NamedTuple


class Route(NamedTuple):
    """A kind of resource, the repository that it belongs to ("" for none), and its name in there."""

    kind: str
    repository: str = ""
    name: str = ""


_PATTERNS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("manifest", r"/v2/(.+)/manifests/([^/]+)"),
        ("blob", r"/v2/(.+)/blobs/([^/]+:[^/]+)"),
        ("upload", r"/v2/(.+)/blobs/uploads/([^/]+)"),
        ("uploads", r"/v2/(.+)/blobs/uploads/?"),
        ("blob", r"/v2/(.+)/blobs/([^/]+)"),
        ("tags", r"/v2/(.+)/tags/list"),
        ("referrers", r"/v2/(.+)/referrers/([^/]+)"),
    )
)
_FIXED = {
    "/v2": "version",
    "/v2/": "version",
    "/v2/_catalog": "catalog",
    "/token": "token",
    "/healthz": "health",
    "/metrics": "metrics",
    "/": "page",
}
_PAGE = "/repositories/"

METHODS = {
    "version": ("GET", "HEAD"),
    "catalog": ("GET", "HEAD"),
    "token": ("GET", "POST"),
    "health": ("GET", "HEAD"),
    "metrics": ("GET", "HEAD"),
    "page": ("GET", "HEAD"),
    "manifest": ("GET", "HEAD", "PUT", "DELETE"),
    "blob": ("GET", "HEAD", "DELETE"),
    "upload": ("GET", "PATCH", "PUT", "DELETE"),
    "uploads": ("POST",),
    "tags": ("GET", "HEAD"),
    "referrers": ("GET", "HEAD"),
}
_READS = ("GET", "HEAD")


def find(path: str) -> Route | None:
    """The route of a decoded path; None for what is not here. Names are not checked yet."""
    fixed = _FIXED.get(path)
    if fixed is not None:
        return Route(fixed)
    for kind, pattern in _PATTERNS:
        match = pattern.fullmatch(path)
        if match is not None:
            return Route(kind, *match.groups())
    if path.startswith(_PAGE):
        return Route("page", "", path.removeprefix(_PAGE))
    return None


def action(route: Route, method: str) -> str:
    """What a client must be allowed to do with the repository: "pull", "push" or "delete"."""
    if route.kind in ("upload", "uploads"):
        return "push"
    if method in _READS:
        return "pull"
    return "delete" if method == "DELETE" else "push"


def is_write(route: Route, method: str) -> bool:
    """Whether a request would change the registry, or begin to."""
    return bool(route.repository) and (route.kind in ("upload", "uploads") or method not in _READS)
