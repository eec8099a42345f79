"""Tokens of the registry's own token service: JSON web tokens signed with HMAC-SHA256 (RFC 7519).

The service and the registry are one program, so a shared key is enough; replicas share it by its file. A token says who
it is for and what it allows; a refresh token stands for a login, and ends with the password that it was given for.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sampan.errors import InvalidArgument

LIFE_SECONDS = 300
REFRESH_SECONDS = 30 * 24 * 3600
_LEEWAY_SECONDS = 30
_LONGEST = 16 << 10
_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
KEY_BYTES = 32

Access = Mapping[str, Sequence[str]]
"""What is allowed: actions by repository."""


def load_key(path: str) -> bytes:
    """The key of a file, which is made when there is none. Raises InvalidArgument for a key that is too short."""
    if not os.path.exists(path):
        made = f"{path}.{os.urandom(6).hex()}"
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(made, path)  # whole or not at all; of two replicas that make one, the first wins
        except FileExistsError:
            pass
        finally:
            os.unlink(made)
    with open(path, "rb") as file:
        key = file.read(4096)
    if len(key) < KEY_BYTES:
        raise InvalidArgument(f"{path}: a key has at least {KEY_BYTES} bytes", hint="remove the file: another is made")
    return key


class Tokens:
    """Makes and reads tokens of one service."""

    def __init__(self, key: bytes, service: str) -> None:
        self._key, self.service = key, service

    def grant(self, user: str, access: Access) -> str:
        """A token for a user ("" for nobody in particular)."""
        listed = [{"type": "repository", "name": name, "actions": list(actions)} for name, actions in access.items()]
        return self._sign({"sub": user, "access": listed}, LIFE_SECONDS)

    def refresh(self, user: str, hashed: str) -> str:
        """A refresh token for a login with the password that has this hash."""
        return self._sign({"sub": user, "login": self._mark(hashed)}, REFRESH_SECONDS)

    def read(self, token: str) -> tuple[str, dict[str, frozenset[str]]] | None:
        """The user and what the token allows; None for one that is not ours, was changed, or has ended."""
        claims = self._verify(token)
        if claims is None or "access" not in claims:
            return None
        return claims["sub"], {item["name"]: frozenset(item["actions"]) for item in claims["access"]}

    def login(self, token: str, users: Mapping[str, str]) -> str | None:
        """The user of a refresh token whose password is still the same."""
        claims = self._verify(token)
        if claims is None or "login" not in claims:
            return None
        hashed = users.get(claims["sub"])
        if hashed is None or not hmac.compare_digest(claims["login"], self._mark(hashed)):
            return None
        return str(claims["sub"])

    def _mark(self, hashed: str) -> str:
        return hmac.new(self._key, b"login\0" + hashed.encode(), hashlib.sha256).hexdigest()

    def _sign(self, claims: dict[str, Any], seconds: int) -> str:
        instant = int(time.time())
        whole = {
            "iss": "sampan",
            "aud": self.service,
            "iat": instant,
            "nbf": instant - _LEEWAY_SECONDS,
            "exp": instant + seconds,
            "jti": os.urandom(8).hex(),
            **claims,
        }
        body = _HEADER + b"." + _encode(json.dumps(whole, separators=(",", ":")).encode())
        return (body + b"." + _encode(self._digest(body))).decode()

    def _digest(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()

    def _verify(self, token: str) -> dict[str, Any] | None:
        """The claims of a token, when signature, audience and time are right.

        The header must be the one that is written here: a token can't choose its algorithm.
        """
        body, _, signature = token[:_LONGEST].rpartition(".")
        head, _, claims = body.partition(".")
        if not token.isascii() or head.encode() != _HEADER:
            return None
        if not hmac.compare_digest(_encode(self._digest(body.encode())), signature.encode()):
            return None
        found: dict[str, Any] = json.loads(_decode(claims))
        instant = time.time()
        if found["aud"] != self.service or not found["nbf"] <= instant < found["exp"]:
            return None
        return found


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
