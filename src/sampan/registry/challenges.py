"""What a registry asks for when it answers 401: the challenges of WWW-Authenticate (RFC 9110 section 11.6.1), and
whether its token service may be trusted with what is sent there."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from sampan.errors import Corrupt, PermissionDenied
from sampan.registry.endpoints import is_local
from sampan.values import NamedTuple

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PIECE = re.compile(
    rf"\s*(?:(?P<name>{_TOKEN})\s*=(?!=*\s*(?:,|$))\s*(?P<value>{_QUOTED}|[^\x00-\x20,\"]+)"
    rf"|(?P<scheme>{_TOKEN})(?:\s+(?P<token68>[A-Za-z0-9._~+/-]+=*)(?=\s*(?:,|$)))?"
    r"|(?P<comma>,))"
)
_LONGEST = 16 << 10


class Challenge(NamedTuple):
    """One way to authenticate. `scheme` and the names of `parameters` are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


class TokenService(NamedTuple):
    """Where tokens are had, and for which service."""

    realm: str
    service: str


def parse(headers: Sequence[str]) -> tuple[Challenge, ...]:
    """The challenges of all WWW-Authenticate headers, in their order. Raises Corrupt for what is none."""
    found: list[Challenge] = []
    for header in headers:
        if len(header) > _LONGEST:
            raise Corrupt("the registry's WWW-Authenticate header is too long")
        found += _challenges(header)
    return tuple(found)


def _challenges(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    position = 0
    parameters: dict[str, str] = {}
    while position < len(header.rstrip()):
        match = _PIECE.match(header, position)
        if match is None or (match["name"] and not found):
            raise Corrupt(f"the registry's WWW-Authenticate header cannot be read: {header[:200]!r}")
        position = match.end()
        if match["scheme"]:
            parameters = {}
            found.append(Challenge(match["scheme"].lower(), parameters))
        elif match["name"]:
            parameters.setdefault(match["name"].lower(), _unquoted(match["value"]))
    return found


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value.startswith('"') else value


def token_service(challenge: Challenge, *, scheme: str, host: str) -> TokenService:
    """The token service of a Bearer challenge by the registry at `scheme`://`host`.

    Raises PermissionDenied for a realm that must not be asked: one without TLS, unless it is this host or the very host
    of a registry that is itself spoken to without; Corrupt for one that is no plain URL.
    """
    realm = challenge.parameters.get("realm", "")
    try:
        parts = urlsplit(realm)
        port = parts.port
    except ValueError as error:
        raise Corrupt(f"the registry names a token service that is no URL: {realm[:200]!r}") from error
    is_plain = parts.scheme in ("http", "https") and parts.hostname and not re.search(r"[\x00-\x20\x7f\\]", realm)
    if not is_plain or parts.username is not None or parts.password is not None or parts.fragment:
        raise Corrupt(f"the registry names a token service that is no URL: {realm[:200]!r}")
    assert parts.hostname is not None
    bracketed = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme == "http":
        same = scheme == "http" and f"{bracketed}{f':{port}' if port else ''}" == host.lower()
        if not same and not (is_local(bracketed) and is_local(host)):
            raise PermissionDenied(
                f"the registry {host} wants its token fetched without TLS from {realm[:200]}",
                hint="a registry that is right names a token service with https",
            )
    return TokenService(realm, challenge.parameters.get("service", ""))
