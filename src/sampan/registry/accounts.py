"""The client's config.json: who one is at which registry (`auths`, `credHelpers`, `credsStore`).

As Docker keeps it, and besides: a key may go on with a path (registry.example.com/team), so that several accounts at
one registry each have their repositories; of the keys that apply the longest decides. A file that was read is written
with everything else in it as it was.
"""

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

from sampan.errors import Corrupt, InvalidArgument, Unavailable
from sampan.registry import credential_stores
from sampan.registry.endpoints import canonical, credential_key
from sampan.settings import docker_config
from sampan.values import NamedTuple

_TOKEN_USER = "<token>"


class Account(NamedTuple):
    """Name and password at a registry, or a token that is exchanged for others. Never printed."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        return f"Account({self.username!r})"


class Accounts:
    """The config.json of `folder`: $DOCKER_CONFIG or ~/.docker where it is "". Read when first needed."""

    def __init__(self, folder: str = "") -> None:
        self.path = docker_config.path_in(folder)
        self._read: dict[str, Any] | None = None

    @property
    def document(self) -> dict[str, Any]:
        if self._read is None:
            self._read = docker_config.read(self.path)
        return self._read

    def find(self, registry: str, repository: str = "") -> Account | None:
        """The account for a repository of a registry (host[:port]), None when there is none.

        Raises Unavailable when a credential helper fails, Corrupt for a file that cannot be read.
        """
        for key in _keys(registry, repository):
            account = self._at(key)
            if account is not None:
                return account
        return None

    def _at(self, key: str) -> Account | None:
        store = self._store(key)
        if store:
            found = credential_stores.get(store, credential_key(key))
            if found is not None:
                name, secret = found
                return Account(identity_token=secret) if name == _TOKEN_USER else Account(name, secret)
        for written, fields in self._auths().items():
            if normalised(written) == key:
                account = _account(fields, self.path, written)
                if account is not None:
                    return account
        return None

    def _auths(self) -> dict[str, Any]:
        auths = self.document.get("auths")
        if auths is None:
            return {}
        if not isinstance(auths, dict):
            raise Corrupt(f'{self.path}: "auths" is no object', hint="mend the file, or move it away and log in again")
        return auths

    def _store(self, key: str) -> str:
        """The suffix of the helper that keeps a key's credentials, "" for none."""
        helpers = self.document.get("credHelpers") or {}
        if isinstance(helpers, dict):
            fitting = [name for name in helpers if normalised(name) == key or key.startswith(normalised(name) + "/")]
            if fitting:
                return str(helpers[max(fitting, key=len)])
        return str(self.document.get("credsStore") or "")

    def is_plain(self, key: str) -> bool:
        """Whether credentials for a key are kept in the file itself."""
        return not self._store(normalised(key))

    def save(self, key: str, account: Account) -> None:
        """Keep an account under `key`, registry[/path]; the file gets mode 0600. Raises Unavailable."""
        plain = normalised(key)
        written = credential_key(plain)
        store = self._store(plain)
        if store:
            token = account.identity_token
            credential_stores.store(
                store, written, _TOKEN_USER if token else account.username, token or account.password
            )
            entry: dict[str, str] = {}
        else:
            pair = base64.b64encode(f"{account.username}:{account.password}".encode()).decode()
            entry = {"auth": pair}
            if account.identity_token:
                entry = {
                    "auth": base64.b64encode(f"{account.username}:".encode()).decode(),
                    "identitytoken": account.identity_token,
                }
        auths = {name: value for name, value in self._auths().items() if normalised(name) != plain}
        self._write({**self.document, "auths": {**auths, written: entry}})

    def erase(self, key: str) -> bool:
        """Forget what is kept under `key`; whether there was anything. Raises Unavailable."""
        plain = normalised(key)
        store = self._store(plain)
        was_stored = bool(store) and credential_stores.erase(store, credential_key(plain))
        auths = {name: value for name, value in self._auths().items() if normalised(name) != plain}
        if len(auths) == len(self._auths()):
            return was_stored
        self._write({**self.document, "auths": auths})
        return True

    def _write(self, document: dict[str, Any]) -> None:
        target = os.path.realpath(self.path)  # it may be a link into a folder that is kept elsewhere
        folder = os.path.dirname(target)
        draft = f"{target}.{os.getpid()}"
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(fd, "w") as file:
                    json.dump(document, file, indent="\t")
                    file.flush()
                    os.fsync(fd)
                os.rename(draft, target)
            except BaseException:
                os.unlink(draft)
                raise
        except OSError as error:
            raise Unavailable(f"{self.path} cannot be written: {error.strerror}") from error
        self._read = document


def normalised(key: str) -> str:
    """A key without scheme and API version, and Docker Hub's as docker.io: https://index.docker.io/v1/ is docker.io."""
    plain = key.partition("://")[2] or key
    plain = plain.rstrip("/")
    for version in ("/v1", "/v2"):
        plain = plain.removesuffix(version)
    host, slash, path = plain.partition("/")
    return canonical(host) + slash + path


def _keys(registry: str, repository: str) -> Iterator[str]:
    """registry/a/b/c, registry/a/b, registry/a, registry."""
    registry = canonical(registry)
    parts = repository.split("/") if repository else []
    for count in range(len(parts), -1, -1):
        yield "/".join([registry, *parts[:count]])


def _account(fields: Any, path: str, key: str) -> Account | None:
    """One entry of `auths`; None for one that says only that a store has it."""
    if not isinstance(fields, dict):
        raise Corrupt(f"{path}: the entry of {key} is no object")
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    name, password = texts.get("username", ""), texts.get("password", "")
    if texts.get("auth"):
        try:
            pair = base64.b64decode(texts["auth"], validate=True).decode()
        except ValueError:
            raise InvalidArgument(
                f'{path}: "auth" of {key} is no base64', hint=f"log in again: sampan login {key}"
            ) from None
        name, _, password = pair.rstrip("\0").partition(":")
    account = Account(name, password, texts.get("identitytoken", ""), texts.get("registrytoken", ""))
    return account if any(account) else None
