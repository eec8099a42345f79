"""Registries, as the public face shows them: who one is there, and what they hold."""

from typing import NamedTuple

from sampan.engine.transfers import client
from sampan.errors import InvalidArgument, PermissionDenied
from sampan.oci import reference
from sampan.registry.accounts import Account, Accounts, normalised
from sampan.registry.failures import refused
from sampan.registry.reach import origin_of
from sampan.registry.search import Hit, search
from sampan.storage.paths import Paths

_MOST_BYTES = 1 << 16


class LoggedIn(NamedTuple):
    """Where an account is kept: the path of config.json, and whether its password stands there for all to read."""

    path: str
    is_plain: bool


class Registries:
    """What can be done with registries. `config` is the folder of config.json, ~/.docker where it is ""."""

    __slots__ = ("_config", "_paths")

    def __init__(self, paths: Paths, config: str = "") -> None:
        self._paths, self._config = paths, config

    def known(self, server: str) -> tuple[str, str] | None:
        """(name, password) that are kept for registry[/path]; None where there is nothing, or a token in its place."""
        registry, _, path = _key(server).partition("/")
        account = Accounts(self._config).find(registry, path)
        return None if account is None or not account.password else (account.username, account.password)

    def login(self, server: str, username: str, password: str) -> LoggedIn:
        """Try an account at registry[/path] ("" is Docker Hub), and keep it when it is taken.

        Raises Refused when it is not, PermissionDenied where a password must not be sent, Unavailable.
        """
        key = _key(server)
        registry, _, path = key.partition("/")
        account = Account(username, password)
        with client(self._paths, self._config) as registries:
            repository = registries.repository(reference.Reference(registry, path or "login", "latest"))
            # Neither the account that is kept nor a token that anybody gets may stand for the one that is tried.
            answer = repository.challenge()
            asked = answer.all_of("www-authenticate")
            if answer.status == 401:
                answer.discard()
                if origin_of(answer.url) != repository.endpoint.origin:  # somebody else asks, and gets nothing
                    raise PermissionDenied(
                        f"the registry {registry} redirects to {origin_of(answer.url)[1]}, which asks for the password:"
                        " it is not sent there"
                    )
                kept = registries.authority.login(repository.endpoint, account, asked)
            elif answer.status == 200:
                answer.discard()
                kept = account
            else:
                raise refused(answer.status, answer.content(_MOST_BYTES))
            if kept is None:
                raise InvalidArgument(
                    f"the registry {registry} wants another way to authenticate: {', '.join(asked)[:200]}"
                )
            registries.accounts.save(key, kept)
            return LoggedIn(registries.accounts.path, registries.accounts.is_plain(key))

    def search(self, term: str, limit: int = 25) -> list[Hit]:
        """Repositories by name: Docker Hub's, or with HOST/TERM another registry's. Raises Unavailable."""
        with client(self._paths, self._config) as registries:
            return search(registries, term, limit)

    def logout(self, server: str) -> bool:
        """Forget the account at registry[/path]; whether one was kept."""
        return Accounts(self._config).erase(_key(server))


def _key(server: str) -> str:
    """registry[/path] as credentials are kept under; "" is Docker Hub. Raises InvalidArgument."""
    key = normalised(server) if server else reference.DEFAULT_REGISTRY
    registry, _, path = key.partition("/")
    try:
        reference.parse(f"{registry}/{path or 'x'}")
    except InvalidArgument as error:
        raise InvalidArgument(f"{server!r} is no registry", hint="such as registry.example.com:5000") from error
    return key
