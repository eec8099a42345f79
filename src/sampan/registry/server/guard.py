"""Who asks, and may it: basic and token authentication in front of every request (distribution-spec, "Authentication";
the token protocol is the one of docker-registry).

A password is checked in a thread and remembered for some minutes, as its hash, so that a pull does not pay bcrypt for
each layer. Who fails too often from one address waits.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import time
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from sampan.linux import crypt
from sampan.registry.server import bodies, layout
from sampan.registry.server.problems import problem
from sampan.registry.server.tokens import Tokens
from sampan.registry.server.users import ACTIONS, Rule, Watched, allowed
from sampan.values import NamedTuple

BASIC = 'Basic realm="sampan"'
_REMEMBERED_SECONDS = 300
_MOST_REMEMBERED = 4096
_CHECKS_AT_ONCE = 2
_FAILURES, _FAILURE_SECONDS = 20, 60
_MOST_SCOPES = 64
_NOBODY_HASH = "$2y$10$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK"


class Caller(NamedTuple):
    """Who asks: a user, or "" for nobody in particular; `access` is what a token allows (None: as the rules say)."""

    user: str = ""
    access: dict[str, frozenset[str]] | None = None


class Guard:
    """`users` None: everybody may do everything. `tokens` None: basic authentication alone."""

    def __init__(
        self,
        users: Watched[dict[str, str]] | None = None,
        rules: Watched[tuple[Rule, ...]] | None = None,
        tokens: Tokens | None = None,
        *,
        anonymous_pull: bool = False,
        public_url: str = "",
    ) -> None:
        self._users, self._rules, self._tokens = users, rules, tokens
        self._anonymous_pull, self._public_url = anonymous_pull, public_url
        self._secret = os.urandom(32)
        self._known: dict[bytes, float] = {}
        self._failed: dict[str, tuple[float, int]] = {}
        self._checks = asyncio.Semaphore(_CHECKS_AT_ONCE)

    @property
    def is_open(self) -> bool:
        return self._users is None

    def may(self, caller: Caller, repository: str, action: str) -> bool:
        if self._users is None or (action == "pull" and self._anonymous_pull):
            return True
        if caller.access is not None:
            return action in caller.access.get(repository, ())
        return action in self._rights(caller.user, repository)

    def sees(self, caller: Caller, repository: str) -> bool:
        """Whether a repository is shown in lists: the user's rules decide, whatever a token was asked for."""
        return self.may(Caller(caller.user), repository, "pull")

    def _rights(self, user: str, repository: str) -> frozenset[str]:
        """What the rules give to a user; without any, a user may do everything."""
        rules = self._rules.value() if self._rules is not None else ()
        rights = allowed(rules, user, repository) if rules else frozenset(ACTIONS if user else ())
        return rights | {"pull"} if self._anonymous_pull else rights

    async def admit(self, request: web.BaseRequest, needs: Sequence[tuple[str, str]]) -> Caller:
        """The caller, who may do all of `needs` (repository, action). Raises UNAUTHORIZED or DENIED."""
        if self._users is None:
            return Caller()
        caller = await self.caller(request, needs)
        if all(self.may(caller, *need) for need in needs):
            return caller
        # Another token would not help: the rules say no.
        if caller.user and not all(action in self._rights(caller.user, name) for name, action in needs):
            raise problem("DENIED", "requested access to the resource is denied", detail=_detail(needs))
        raise self.challenge(request, needs, error="insufficient_scope" if caller.access is not None else "")

    async def known(self, request: web.BaseRequest) -> Caller:
        """As `admit`, for what wants a login and no right. A token that was granted to nobody is no login."""
        caller = await self.caller(request, ())
        if self._users is not None and not caller.user and not self._anonymous_pull:
            raise self.challenge(request, ())
        return caller

    async def caller(self, request: web.BaseRequest, needs: Sequence[tuple[str, str]]) -> Caller:
        """Who the request says it is; nobody without a login. Raises UNAUTHORIZED for a login that is wrong."""
        header = request.headers.get("Authorization", "")
        scheme, _, value = header.partition(" ")
        if not header or self._users is None:
            return Caller()
        if scheme.lower() == "bearer" and self._tokens is not None:
            found = self._tokens.read(value.strip())
            if found is not None:
                return Caller(*found)
            raise self.challenge(request, needs, error="invalid_token")
        if scheme.lower() == "basic":
            user, password = _basic(value)
            if await self.is_password(request, user, password):
                return Caller(user)
        raise self.challenge(request, needs)

    def challenge(self, request: web.BaseRequest, needs: Sequence[tuple[str, str]], error: str = "") -> Exception:
        header = BASIC
        if self._tokens is not None:
            header = f'Bearer realm="{self._realm(request)}",service="{self._tokens.service}"'
            if needs:
                header += f',scope="{_scope(needs)}"'
            if error:
                header += f',error="{error}"'
        return problem(
            "UNAUTHORIZED", "authentication required", detail=_detail(needs), headers={"WWW-Authenticate": header}
        )

    def _realm(self, request: web.BaseRequest) -> str:
        return (self._public_url or f"{request.scheme}://{_plain_host(request.host)}") + "/token"

    async def is_password(self, request: web.BaseRequest, user: str, password: str) -> bool:
        """Whether this is the user's password. Raises TOOMANYREQUESTS when the address has failed too often."""
        assert self._users is not None
        hashed = self._users.value().get(user)
        mark = hmac.new(self._secret, f"{user}\0{hashed}\0{password}".encode(), hashlib.sha256).digest()
        if hashed is not None and self._known.get(mark, 0) > time.monotonic():
            return True
        address = request.remote or ""
        self._refuse_impatient(address)
        async with self._checks:
            self._refuse_impatient(address)  # those that waited here with it may have failed
            # The name of nobody takes as long as a wrong password, which does not tell who is a user.
            loop = asyncio.get_running_loop()
            fits = await loop.run_in_executor(None, crypt.matches, password, hashed or _NOBODY_HASH)
        if hashed is None or not fits:
            start, count = self._failed.get(address, (time.monotonic(), 0))
            self._failed[address] = (start, count + 1)
            return False
        while len(self._known) >= _MOST_REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[mark] = time.monotonic() + _REMEMBERED_SECONDS
        return True

    def _refuse_impatient(self, address: str) -> None:
        instant = time.monotonic()
        if len(self._failed) > _MOST_REMEMBERED:
            self._failed = {a: f for a, f in self._failed.items() if f[0] > instant - _FAILURE_SECONDS}
        start, count = self._failed.get(address, (instant, 0))
        if start <= instant - _FAILURE_SECONDS:
            self._failed.pop(address, None)
        elif count >= _FAILURES:
            wait = int(start + _FAILURE_SECONDS - instant) + 1
            raise problem("TOOMANYREQUESTS", "too many failed logins", headers={"Retry-After": str(wait)})

    async def token(self, request: web.BaseRequest) -> dict[str, Any]:
        """The token service: GET with basic credentials or none, POST with a password or a refresh token."""
        if self._tokens is None or self._users is None:
            raise problem("UNSUPPORTED", "this registry has no token service", status=404)
        form = await _form(request)
        user, is_offline = await self._login(request, form)
        asked = [*request.query.getall("scope", []), *str(form.get("scope", "")).split()]
        access: dict[str, frozenset[str]] = {}
        for item in [part for text in asked for part in text.split()][:_MOST_SCOPES]:
            name, actions = _read_scope(item)
            if name:
                granted = frozenset(actions) & self._rights(user, name)
                access[name] = access.get(name, frozenset()) | granted
        token = self._tokens.grant(user, {name: sorted(actions) for name, actions in access.items()})
        reply: dict[str, Any] = {"token": token, "access_token": token, "expires_in": 300}
        if user and is_offline:
            reply["refresh_token"] = self._tokens.refresh(user, self._users.value().get(user, ""))
        return reply

    async def _login(self, request: web.BaseRequest, form: dict[str, Any]) -> tuple[str, bool]:
        """Who wants a token, and whether a refresh token too."""
        assert self._tokens is not None and self._users is not None
        if request.method != "POST":
            caller = await self.caller(request, ())
            return caller.user, request.query.get("offline_token", "") == "true"
        grant = form.get("grant_type")
        if grant == "refresh_token":
            user = self._tokens.login(str(form.get("refresh_token", "")), self._users.value())
            if user is None:
                raise problem("UNAUTHORIZED", "the refresh token is not valid")
            return user, True
        if grant == "password":
            name = str(form.get("username", ""))
            if not await self.is_password(request, name, str(form.get("password", ""))):
                raise problem("UNAUTHORIZED", "authentication required")
            return name, form.get("access_type") == "offline"
        raise problem("UNSUPPORTED", "grant_type is password or refresh_token", status=400)


async def _form(request: web.BaseRequest) -> dict[str, Any]:
    """The fields of a POST (RFC 6749, section 4.3.2). Raises UNSUPPORTED for a body of another kind."""
    if request.method != "POST":
        return {}
    if request.content_type != "application/x-www-form-urlencoded":
        raise problem("UNSUPPORTED", "a form is wanted: application/x-www-form-urlencoded", status=400)
    async with bodies.in_time():
        return dict(await request.post())


def _basic(value: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:  # no base64, no UTF-8, or not even ASCII
        return "", ""
    return user, password


def _scope(needs: Sequence[tuple[str, str]]) -> str:
    by_name: dict[str, list[str]] = {}
    for name, action in needs:
        by_name.setdefault(name, []).append(action)
    # A client that is to push asks for both at once: else it comes back for each.
    texts = []
    for name, actions in by_name.items():
        wanted = ["pull", *actions] if actions != ["pull"] else actions
        texts.append(f"repository:{name}:{','.join(dict.fromkeys(wanted))}")
    return " ".join(texts)


def _read_scope(text: str) -> tuple[str, list[str]]:
    """Name and actions of repository:NAME:ACTIONS; "" for another scope. `*` means every action."""
    kind, _, rest = text.partition(":")
    name, _, actions = rest.rpartition(":")
    if kind.partition("(")[0] != "repository" or not name or len(name) > layout.LONGEST_NAME:
        return "", []
    wanted = actions.split(",")
    return name, list(ACTIONS) if "*" in wanted else wanted


def _detail(needs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Type": "repository", "Name": name, "Action": action} for name, action in needs]


def _plain_host(host: str) -> str:
    return "".join(sign for sign in host if sign.isalnum() or sign in "-.:[]")[:255]
