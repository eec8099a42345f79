"""Who we are to a registry: Basic, or a token of the service that it names (distribution's token specification).

A header is worked out when a registry asks for one, and then sent with every request to the same place; tokens are
renewed before they end. Credentials go to the registry that they are kept for, and to the token service that this very
registry named, over TLS, or to this host itself; never anywhere else.
"""

import base64
import json
import threading
import time
from collections.abc import Sequence
from urllib.parse import urlencode

from sampan.errors import Corrupt, PermissionDenied
from sampan.registry import challenges as wire
from sampan.registry.accounts import Account, Accounts
from sampan.registry.endpoints import Endpoint, is_local
from sampan.registry.failures import Refused, Unreachable, errors_of, refused, status_text
from sampan.registry.reach import check_reach, origin_of
from sampan.registry.transport import Transport
from sampan.values import NamedTuple

_MOST_BYTES = 1 << 20
_CLIENT = "sampan"
_EARLIER_SECONDS = 10.0
_SHORTEST_SECONDS = 60.0
_LONGEST_SECONDS = 1 << 31
_MOST_GRANTS = 1024
_LONGEST_TOKEN = 128 << 10


class Grant(NamedTuple):
    """A header and until when it is good, by time.monotonic(); 0 for one that does not end."""

    header: str
    until: float

    @property
    def is_good(self) -> bool:
        return self.until == 0 or time.monotonic() < self.until


class Authority:
    """The headers of one command, by registry and what is to be done there. Any thread may use it."""

    def __init__(self, transport: Transport, accounts: Accounts) -> None:
        self._transport = transport
        self._accounts = accounts
        self._grants: dict[tuple[str, str], Grant] = {}
        self._asked: dict[str, Sequence[str]] = {}
        self._lock = threading.RLock()

    def header(self, endpoint: Endpoint, scopes: Sequence[str]) -> str:
        """The Authorization header for an endpoint, as far as it is known that it wants one; else "".

        A token that has ended is renewed.
        """
        with self._lock:
            grant = self._grants.get(_key(endpoint, scopes))
            if grant is not None and grant.is_good:
                return grant.header
            asked = self._asked.get(endpoint.base)
            return self.answer(endpoint, scopes, asked) if asked is not None else ""

    def answer(self, endpoint: Endpoint, scopes: Sequence[str], headers: Sequence[str], used: str = "") -> str:
        """The header for what a 401 asked in its WWW-Authenticate `headers`; `used` is the one that was of no use.

        "" when there is nothing (else) to be said. Raises PermissionDenied where credentials must not be sent, Refused
        when the token service says no, and as Transport.send() does.
        """
        with self._lock:
            known = self._grants.get(_key(endpoint, scopes))
            if known is not None and known.header != used and known.is_good:
                return known.header  # another thread was faster
            grant = self._grant(endpoint, scopes, wire.parse(headers))
            if grant is None or grant.header == used:
                return ""
            self._asked[endpoint.base] = headers
            if len(self._grants) >= _MOST_GRANTS:  # a registry's cache asks for ever more repositories
                self._grants = {key: kept for key, kept in self._grants.items() if kept.is_good}
            self._grants[_key(endpoint, scopes)] = grant
            return grant.header

    def _grant(self, endpoint: Endpoint, scopes: Sequence[str], asked: Sequence[wire.Challenge]) -> Grant | None:
        account = self._account(endpoint)
        for challenge in asked:
            if challenge.scheme == "bearer":
                if account is not None and account.registry_token:
                    _check_channel(endpoint)
                    return Grant(f"Bearer {account.registry_token}", 0)
                service = _service(endpoint, challenge)
                return self._token(endpoint, service, scopes, account)
            if challenge.scheme == "basic" and account is not None and account.username:
                _check_channel(endpoint)
                return Grant(_basic(account), 0)
        return None

    def _account(self, endpoint: Endpoint) -> Account | None:
        return self._accounts.find(endpoint.registry, endpoint.repository) if endpoint.registry else None

    def _token(
        self, endpoint: Endpoint, service: wire.TokenService, scopes: Sequence[str], account: Account | None
    ) -> Grant:
        """Ask a token service: with an identity token by POST (OAuth 2), else by GET."""
        if account is not None:
            _check_realm(service.realm, endpoint)
        began = time.monotonic()
        if account is not None and account.identity_token:
            fields = {
                "grant_type": "refresh_token",
                "service": service.service,
                "client_id": _CLIENT,
                "scope": " ".join(scopes),
                "refresh_token": account.identity_token,
            }
            document = self._ask("POST", service.realm, {}, urlencode(fields).encode(), endpoint)
        else:
            headers = {"Authorization": _basic(account)} if account is not None and account.username else {}
            query = [("service", service.service)] if service.service else []
            query += [("scope", scope) for scope in scopes]
            query += [("account", account.username)] if account is not None and account.username else []
            document = self._ask("GET", _with_query(service.realm, query), headers, None, endpoint)
        token, seconds = _read_token(document)
        return Grant(f"Bearer {token}", began + max(seconds, _SHORTEST_SECONDS) - _EARLIER_SECONDS)

    def login(self, endpoint: Endpoint, account: Account, headers: Sequence[str]) -> Account | None:
        """What is kept of an account that is taken: an identity token where the token service gives one.

        None where the registry asks for nothing that we know. Raises Refused when the account is not taken.
        """
        for challenge in wire.parse(headers):
            if challenge.scheme == "basic":
                _check_channel(endpoint)
                answer = self._transport.send(
                    "GET",
                    f"{endpoint.base}/v2/",
                    headers={"Authorization": _basic(account)},
                    is_verified=endpoint.is_verified,
                )
                answer.discard()
                if answer.status != 200:
                    raise Refused(
                        f"login attempt to {endpoint.base}/v2/ failed with status: {status_text(answer.status)}",
                        status=answer.status,
                        hint="name or password is wrong" if answer.status == 401 else "",
                    )
                return account
            if challenge.scheme == "bearer":
                service = _service(endpoint, challenge)
                _check_realm(service.realm, endpoint)
                query = [("service", service.service)] if service.service else []
                query += [("account", account.username), ("client_id", _CLIENT), ("offline_token", "true")]
                url = _with_query(service.realm, query)
                document = self._ask("GET", url, {"Authorization": _basic(account)}, None, endpoint)
                _read_token(document)
                fresh = document.get("refresh_token")
                if isinstance(fresh, str) and fresh:
                    return Account(account.username, "", identity_token=fresh)
                return account
        return None

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, endpoint: Endpoint
    ) -> dict[str, object]:
        if body is not None:
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        # Only the registry itself may be anybody: another host that it names shows who it is.
        is_verified = endpoint.is_verified or origin_of(url)[1] != endpoint.origin[1]
        status, data = self._answered(method, url, headers, body, is_verified, endpoint.base)
        if status != 200:
            raise _token_refused(status, data, url)
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise Corrupt(f"the token service of {endpoint.host} did not answer with JSON")
        return document

    def _answered(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, is_verified: bool, sent_by: str
    ) -> tuple[int, bytes]:
        """A token service's answer, asked for again when it was cut off."""
        patience = self._transport.patience
        for attempt in range(patience.attempts):
            answer = self._transport.send(
                method, url, headers=headers, body=body, is_verified=is_verified, sent_by=sent_by
            )
            try:
                return answer.status, answer.content(_MOST_BYTES)
            except Unreachable:
                if attempt + 1 == patience.attempts:
                    raise
            self._transport.pause(patience.wait(attempt, None))
        raise AssertionError("the last try returns or raises")


def _service(endpoint: Endpoint, challenge: wire.Challenge) -> wire.TokenService:
    """The token service that a registry names. Raises PermissionDenied, Corrupt for one that must not be asked."""
    found = wire.token_service(challenge, scheme=endpoint.scheme, host=endpoint.host)
    check_reach(endpoint.base, found.realm)
    return found


def _token_refused(status: int, body: bytes, url: str) -> Refused:
    base = url.partition("?")[0]
    found = refused(status, body)
    if status in (401, 403):
        words = found.message if errors_of(body) else "incorrect username or password"
        return Refused(
            f'Get "{base}": unauthorized: {words.removeprefix("unauthorized: ")}',
            status=status,
            code="UNAUTHORIZED",
            hint="the account in config.json is not taken: sampan login again",
        )
    return Refused(f'Get "{base}": {found.message}', status=status, code=found.code)


def _read_token(document: dict[str, object]) -> tuple[str, float]:
    """(token, seconds until it ends). Raises Corrupt."""
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not token or len(token) > _LONGEST_TOKEN:
        raise Corrupt("authorization server did not include a token in the response")
    if not token.isascii() or not token.isprintable():
        raise Corrupt("authorization server gave a token that no header can hold")
    seconds = document.get("expires_in")
    if not isinstance(seconds, int | float) or not seconds > 0:
        return token, _SHORTEST_SECONDS
    return token, float(min(seconds, _LONGEST_SECONDS))


def _check_channel(endpoint: Endpoint) -> None:
    """Raises PermissionDenied where a password would go over a network in the clear."""
    if endpoint.scheme == "http" and not is_local(endpoint.host):
        raise PermissionDenied(
            f"the registry {endpoint.host} is without TLS: no password is sent there",
            hint="give the registry TLS; its own authority's certificate belongs into /etc/sampan/certs.d",
        )


def _check_realm(realm: str, endpoint: Endpoint) -> None:
    """The same for the token service."""
    scheme, _, rest = realm.partition("://")
    host = rest.partition("/")[0].partition("?")[0]
    if scheme == "http" and not is_local(host):
        raise PermissionDenied(
            f"the token service {host} of the registry {endpoint.host} is without TLS: no password is sent there",
            hint="log out (sampan logout) to go on without an account",
        )
    _check_channel(endpoint)


def _basic(account: Account) -> str:
    pair = f"{account.username}:{account.password}".encode()
    return "Basic " + base64.b64encode(pair).decode()


def _with_query(url: str, query: Sequence[tuple[str, str]]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url


def _key(endpoint: Endpoint, scopes: Sequence[str]) -> tuple[str, str]:
    return endpoint.base, " ".join(scopes)
