"""What goes wrong on the way to a registry, in Docker's words where it has some."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from sampan.errors import Unavailable

if TYPE_CHECKING:
    import ssl

_MOST_SHOWN = 300
# What a code says where its answer says nothing (distribution's errcode).
_MESSAGES = {
    "UNAUTHORIZED": "authentication required",
    "DENIED": "requested access to the resource is denied",
    "TOOMANYREQUESTS": "too many requests",
    "UNSUPPORTED": "The operation is unsupported.",
}


class Unreachable(Unavailable):
    """There was no answer, or not all of it. `may_pass` says whether to try again is of use."""

    in_body = False  # whether an answer had begun

    def __init__(self, message: str, *, hint: str = "", may_pass: bool = True, speaks_otherwise: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.may_pass = may_pass
        self.speaks_otherwise = speaks_otherwise  # whether the other scheme might be understood there


class Refused(Unavailable):
    """The registry answered with an error. `code` is the first of its body's (MANIFEST_UNKNOWN ...), "" for none."""

    def __init__(self, message: str, *, status: int, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


@contextmanager
def explain(url: str, method: str) -> Iterator[None]:
    """Turn what urllib3 and sockets raise into Unreachable."""
    from urllib3 import exceptions

    try:
        yield
    except (exceptions.HTTPError, OSError, ValueError) as error:
        _raise(url, method, error)


def _raise(url: str, method: str, error: Exception) -> NoReturn:
    import ssl

    from urllib3 import exceptions

    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    query = f"?{parts.query}" if parts.path == "/v1/search" else ""  # others may hold what an upload is signed with
    where = f'{method.capitalize()} "{base}{parts.path}{query}"'
    first = f'Get "{base}/v2/"' if parts.path.startswith("/v2/") else where  # where no connection came about
    cause = _deepest(error)
    if isinstance(error, exceptions.ProxyError):
        found = Unreachable(
            f"{first}: proxyconnect tcp: {_words(cause)}", hint="look at HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
        )
    elif isinstance(cause, exceptions.NameResolutionError) or type(cause).__name__ == "gaierror":
        found = Unreachable(
            f"{first}: dial tcp: lookup {parts.hostname}: no such host",
            hint="the registry's name is wrong, or this host has no network",
            may_pass="temporary" in str(cause).lower(),
        )
    elif isinstance(cause, ssl.SSLError):
        found = _without_tls(first, parts.netloc, cause)
    elif isinstance(cause, ConnectionRefusedError):
        found = Unreachable(f"{first}: dial tcp {_address(parts.hostname, parts)}: connect: connection refused")
    else:
        found = _broken_off(where, error, cause)
    raise found from error


def _without_tls(first: str, host: str, cause: "ssl.SSLError") -> Unreachable:
    """TLS was begun and did not come about."""
    import ssl

    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unreachable(
            f"{first}: tls: failed to verify certificate: x509: {cause.verify_message}",
            hint=f"put the authority's certificate into /etc/sampan/certs.d/{host}/ca.crt,"
            " or call the registry insecure in the settings",
            may_pass=False,
        )
    is_plain = cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
    words = "http: server gave HTTP response to HTTPS client" if is_plain else f"tls: {cause.reason or cause}"
    hint = "a registry without TLS is called insecure in the settings: registries = [{name, insecure}]"
    return Unreachable(
        f"{first}: {words}", hint=hint if is_plain else "", may_pass=not is_plain, speaks_otherwise=is_plain
    )


def _broken_off(where: str, error: Exception, cause: BaseException) -> Unreachable:
    """There was a connection, but no answer, or not all of it."""
    import http.client

    from urllib3 import exceptions

    if isinstance(error, exceptions.TimeoutError | TimeoutError) or isinstance(cause, TimeoutError):
        return Unreachable(f"{where}: net/http: request canceled: nothing came for a while: the connection stalled")
    if isinstance(cause, http.client.BadStatusLine) and not isinstance(cause, http.client.RemoteDisconnected):
        return Unreachable(f"{where}: malformed HTTP response", speaks_otherwise=True)
    return Unreachable(f"{where}: {_words(cause)}", speaks_otherwise=isinstance(cause, ConnectionError))


def _deepest(error: BaseException) -> BaseException:
    """The first cause that says something: urllib3 wraps once or twice."""
    for _ in range(8):
        inner = getattr(error, "original_error", None) or error.__cause__
        if inner is None:
            inner = next((item for item in error.args if isinstance(item, BaseException)), None)
        if inner is None or inner is error:
            return error
        error = inner
    return error


def _words(cause: BaseException) -> str:
    if isinstance(cause, ConnectionResetError):
        return "read: connection reset by peer"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    text = str(cause)
    if "IncompleteRead" in text or "closed connection without response" in text or not text:
        return "unexpected EOF"
    return text[:_MOST_SHOWN]


def _address(host: str | None, parts: object) -> str:
    """The address that a host's name stands for first, with its port."""
    import socket

    from sampan.registry.endpoints import default_port

    port = getattr(parts, "port", None) or default_port(getattr(parts, "scheme", ""))
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    except OSError:
        return f"{host}:{port}"
    return f"[{found}]:{port}" if ":" in str(found) else f"{found}:{port}"


def errors_of(body: bytes) -> list[tuple[str, str]]:
    """(code, message) of an answer's `errors` (distribution-spec, Error Codes); empty when it is no such answer."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return []
    entries = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        details = document.get("details") if isinstance(document, dict) else None  # of a token service
        return [("", details[:_MOST_SHOWN])] if isinstance(details, str) else []
    found = []
    for entry in entries[:10]:
        if isinstance(entry, dict):
            code = str(entry.get("code") or "")[:60]
            found.append((code, str(entry.get("message") or _MESSAGES.get(code, ""))[:_MOST_SHOWN]))
    return found


def refused(status: int, body: bytes, *, what: str = "") -> Refused:
    """The error for an answer that is none of those that were hoped for, in the words of Docker's client."""
    found = errors_of(body)
    prefix = f"{what}: " if what else ""
    if status == 401 and not (found and found[0][0]):
        found = [("UNAUTHORIZED", found[0][1] if found else _MESSAGES["UNAUTHORIZED"])]
    if found:
        code = found[0][0]
        words = "; ".join(f"{code.lower().replace('_', ' ')}: {message}".removeprefix(": ") for code, message in found)
        return Refused(prefix + words, status=status, code=code, hint=_hint(status))
    return Refused(f"{prefix}received unexpected HTTP status: {status_text(status)}", status=status, hint=_hint(status))


def status_text(status: int) -> str:
    """404 Not Found"""
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _hint(status: int) -> str:
    return {
        401: "log in first: sampan login REGISTRY",
        403: "the account may not do this: log in as another (sampan login)",
        429: "the registry limits how much is fetched: wait, or log in",
    }.get(status, "")
