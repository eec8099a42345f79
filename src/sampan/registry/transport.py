"""Requests to registries: connections, proxies, redirects, retries. Everything that leaves for a network does it here.

A request is tried again when what went wrong may pass: refused and broken connections, silence, 429 and 5xx. Redirects
are followed by hand, so that credentials stay with the host that they are for.
"""

import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from sampan.errors import Corrupt, PermissionDenied, Unavailable
from sampan.registry import certificates
from sampan.registry.failures import Unreachable, explain
from sampan.registry.proxies import proxy_for
from sampan.registry.reach import check_reach, origin_of, place_of
from sampan.values import NamedTuple

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

MOST_REDIRECTS = 10
_LONGEST_WAIT = 120.0
_LONGEST_SILENCES = 10  # the time of silence so often is what a document may take
_PIECE = 1 << 13  # a drop of many: the clock is looked at between two
_ONCE_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_TO_PRIVATE = ("authorization", "cookie", "proxy-authorization")

Body = bytes | None
MakeBody = Callable[[], Iterable[bytes]]


class Patience(NamedTuple):
    """How long something is waited for and tried. `silence_seconds` without a byte is a connection that stalled."""

    attempts: int = 5
    connect_seconds: float = 15.0
    silence_seconds: float = 30.0
    first_wait_seconds: float = 0.5

    def wait(self, attempt: int, retry_after: float | None) -> float:
        """Seconds before the try after `attempt` (from 0)."""
        if retry_after is not None:
            return min(retry_after, _LONGEST_WAIT)
        longest: float = min(self.first_wait_seconds * 2**attempt, 15.0)
        return longest * random.uniform(0.5, 1.0)


def offline_of(environment: Mapping[str, str]) -> bool:
    """Whether $SAMPAN_OFFLINE (or --offline, which sets it) forbids connections."""
    return environment.get("SAMPAN_OFFLINE", "") not in ("", "0", "false")


def patience_of(environment: Mapping[str, str]) -> Patience:
    """The usual patience, changed by $SAMPAN_REGISTRY_PATIENCE: ATTEMPTS,CONNECT,SILENCE,FIRST WAIT (seconds)."""
    parts = [part for part in environment.get("SAMPAN_REGISTRY_PATIENCE", "").split(",") if part]
    if len(parts) != 4:
        return Patience()
    return Patience(int(parts[0]), *(float(part) for part in parts[1:]))


class Options(NamedTuple):
    """What all requests of one command have in common. `cancelled` ends waiting."""

    user_agent: str
    is_offline: bool = False
    patience: Patience = Patience()
    certificate_places: tuple[str, ...] = ()


class Response:
    """An answer. Its body is read in pieces, or whole by `content`; close() it."""

    __slots__ = ("_longest_seconds", "_raw", "headers", "status", "url")

    def __init__(self, raw: "BaseHTTPResponse", url: str, longest_seconds: float) -> None:
        """`longest_seconds` are granted to a body that is read by content()."""
        self._raw, self._longest_seconds = raw, longest_seconds
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers
        self.url = url

    def all_of(self, name: str) -> list[str]:
        """Every header of that name."""
        getlist: Callable[[str], list[str]] = self._raw.headers.getlist
        return list(getlist(name))

    def read(self, size: int) -> bytes:
        """At most `size` bytes of the body, b"" at its end. Raises Unreachable when the connection breaks or stalls."""
        try:
            with explain(self.url, "GET"):
                return self._raw.read(size)
        except Unreachable as error:
            error.in_body = True
            raise

    def content(self, most: int) -> bytes:
        """The whole body, and then the connection is free for others. Raises Corrupt for one of more than `most`,
        Unreachable for one that does not come to its end in time."""
        pieces, count, began = [], 0, time.monotonic()
        while piece := self.read(min(_PIECE, most + 1)):
            pieces.append(piece)
            count += len(piece)
            if time.monotonic() - began > self._longest_seconds:
                self.close()
                error = Unreachable(f"{urlsplit(self.url).netloc} sends next to nothing: the connection stalled")
                error.in_body = True
                raise error
            if count > most:
                self.close()
                raise Corrupt(f"the answer of {urlsplit(self.url).netloc} is larger than {most} bytes")
        self._raw.release_conn()
        return b"".join(pieces)

    def discard(self) -> None:
        """Read what is left when it is little, so that the connection can be used again; else close it."""
        left = self._raw.length_remaining
        if left is not None and left <= 1 << 16:
            try:
                self._raw.drain_conn()
                self._raw.release_conn()
                return
            except (OSError, ValueError):
                pass  # it is of no use any more, and closed below
        self.close()

    def abort(self) -> None:
        """End a read() that another thread is in."""
        try:
            self._raw.shutdown()
        except (OSError, ValueError, RuntimeError):
            return  # there is no connection to be shut down any more

    def close(self) -> None:
        """Give the connection up."""
        self._raw.close()


class Transport:
    """Connections of one command, kept open between requests. Any thread may use it."""

    def __init__(self, options: Options, environment: Mapping[str, str] | None = None) -> None:
        self._options = options
        self._environment = os.environ if environment is None else environment
        self._pools: dict[tuple[str, str, bool, str], PoolManager] = {}
        self._lock = threading.Lock()
        self.cancelled = threading.Event()

    @property
    def patience(self) -> Patience:
        return self._options.patience

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        make_body: MakeBody | None = None,
        is_verified: bool = True,
        attempts: int = 0,
        follow: bool = True,
        sent_by: str = "",
        on_wait: Callable[[str, float], object] = lambda why, seconds: None,
    ) -> Response:
        """Send a request, again where that may help, and return the answer, whatever its status.

        `make_body` makes a body of unknown length for each try. `attempts` 0 means the usual number. With `follow`
        redirects of GET and HEAD are followed. `sent_by` is the URL whose answer led to this one. Raises Unreachable
        when there is no answer, Unavailable offline, PermissionDenied where `sent_by` may not send us.
        """
        if self._options.is_offline:
            raise Unavailable(
                f"{urlsplit(url).netloc} would have to be asked for {_wanted(url)}, and --offline forbids it",
                hint="leave --offline (or $SAMPAN_OFFLINE) away, or bring what is missing here with `sampan load`",
            )
        last = attempts or self._options.patience.attempts
        for attempt in range(last):
            retry_after: float | None = None
            try:
                answer = self._follow(method, url, headers or {}, body, make_body, is_verified, follow, sent_by)
            except Unreachable as error:
                if attempt + 1 == last or not error.may_pass:
                    raise
                why = error.message
            else:
                if answer.status not in _ONCE_AGAIN or attempt + 1 == last:
                    return answer
                retry_after = _retry_after(answer.headers.get("retry-after", ""), time.time())
                why = f"{urlsplit(url).netloc} answered {answer.status}"
                answer.close()
            seconds = self._options.patience.wait(attempt, retry_after)
            on_wait(why, seconds)
            self.pause(seconds)
        raise AssertionError("the last try returns or raises")

    def pause(self, seconds: float) -> None:
        """Wait. Raises Unavailable when the command is cancelled meanwhile."""
        if self.cancelled.wait(seconds):
            raise Unavailable("cancelled")

    def _follow(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
        make_body: MakeBody | None,
        is_verified: bool,
        follow: bool,
        sent_by: str,
    ) -> Response:
        sent = dict(headers)
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._once(method, url, sent, make_body() if make_body else body, is_verified, sent_by)
            location = answer.headers.get("location")
            if not (follow and method in ("GET", "HEAD") and location and answer.status in (301, 302, 303, 307, 308)):
                return answer
            target = _redirected(url, location)
            if origin_of(target) != origin_of(url):
                sent = {name: value for name, value in sent.items() if name.lower() not in _TO_PRIVATE}
                is_verified = is_verified or urlsplit(target).scheme == "https"
                sent_by = sent_by or url
            answer.discard()
            url = target
        raise Corrupt(f"{urlsplit(url).netloc} redirects in circles")

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | Iterable[bytes],
        is_verified: bool,
        sent_by: str,
    ) -> Response:
        if sent_by and origin_of(sent_by)[1] == origin_of(url)[1]:
            sent_by = ""  # its own name may stand for whatever it likes
        pool = self._pool(url, is_verified, sent_by)
        with explain(url, method):
            raw = pool.request(
                method,
                url,
                body=body,
                headers={"User-Agent": self._options.user_agent, "Accept-Encoding": "identity", **headers},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        return Response(raw, url, _LONGEST_SILENCES * self._options.patience.silence_seconds)

    def _pool(self, url: str, is_verified: bool, sent_by: str) -> "PoolManager":
        scheme, name, port = origin_of(url)
        proxy = proxy_for(scheme, name, port, self._environment)
        host, sender = urlsplit(url).netloc, urlsplit(sent_by).netloc
        key = (f"{scheme}://{host}", proxy, is_verified, sender)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._make_pool(scheme, host, proxy, is_verified)
                from sampan.registry import connections

                place = place_of(origin_of(sent_by)[1]) if sent_by and not proxy else ""
                self._pools[key].pool_classes_by_scheme = connections.pool_classes(place, sender)
            return self._pools[key]

    def _make_pool(self, scheme: str, host: str, proxy: str, is_verified: bool) -> "PoolManager":
        import urllib3

        patience = self._options.patience
        timeout = urllib3.Timeout(connect=patience.connect_seconds, read=patience.silence_seconds)
        tls = None
        if scheme == "https":
            tls = certificates.context(host, self._options.certificate_places, is_verified=is_verified)
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if not proxy:
            return urllib3.PoolManager(num_pools=2, maxsize=16, timeout=timeout, ssl_context=tls, retries=False)
        user = urlsplit(proxy).netloc.rpartition("@")[0]
        return urllib3.ProxyManager(
            proxy,
            num_pools=2,
            maxsize=16,
            timeout=timeout,
            ssl_context=tls,
            retries=False,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=_unescaped(user)) if user else None,
        )

    def close(self) -> None:
        """Close every connection; what waits gives up."""
        self.cancelled.set()
        with self._lock:
            for pool in self._pools.values():
                pool.clear()


def _wanted(url: str) -> str:
    """What a URL of a registry is about: name:tag, name@digest."""
    match = re.fullmatch(r"/v2/(.+)/(manifests|blobs|tags|referrers)/([^/]+)", urlsplit(url).path)
    if match is None:
        return urlsplit(url).path
    return f"{match[1]}{'@' if ':' in match[3] else ':'}{match[3]}" if match[2] != "tags" else f"the tags of {match[1]}"


def _redirected(url: str, location: str) -> str:
    """Where a redirect leads. Raises PermissionDenied for one that leaves TLS."""
    target = urljoin(url, location)
    scheme, name, _ = origin_of(target)
    if scheme == "http" and urlsplit(url).scheme == "https":
        raise PermissionDenied(f"{urlsplit(url).netloc} redirects to {name} without TLS")
    check_reach(url, target)
    return target


def _retry_after(text: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date (RFC 9110 section 10.2.3)."""
    if text.isascii() and text.strip().isdigit():
        return float(text)
    if not text:
        return None
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _unescaped(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)
