"""Where a registry is spoken to: the addresses that stand for its name, in the order in which they are tried.

Docker Hub is known by a short name. A registry on this host may be without TLS; so may one that the settings call
insecure. Mirrors stand before the registry that they mirror, for reading only.
"""

import re
from collections.abc import Mapping, Sequence

from sampan.errors import InvalidArgument
from sampan.oci.reference import DEFAULT_REGISTRY, Reference
from sampan.settings.model import Registry
from sampan.values import NamedTuple

# name in references -> (host that is spoken to, name under which credentials are kept)
_KNOWN: Mapping[str, tuple[str, str]] = {
    DEFAULT_REGISTRY: ("registry-1.docker.io", "https://index.docker.io/v1/"),
}
_OTHER_NAMES = {"index.docker.io": DEFAULT_REGISTRY, "registry-1.docker.io": DEFAULT_REGISTRY}


class Endpoint(NamedTuple):
    """One address. `host` has its port where that is not the scheme's own; `repository` is the name there.

    `registry` is whose credentials it gets, "" for none. With `is_verified` false its certificate may be anybody's.
    """

    scheme: str
    host: str
    repository: str
    registry: str
    is_mirror: bool = False
    is_verified: bool = True

    @property
    def base(self) -> str:
        """The URL before /v2/."""
        return f"{self.scheme}://{self.host}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        name, port = split_host(self.host)
        return self.scheme, name, port or default_port(self.scheme)


def resolve(name: Reference, rules: Sequence[Registry] = (), *, for_writing: bool = False) -> tuple[Endpoint, ...]:
    """The endpoints of a repository, those that are tried first before the others.

    `rules` are the settings' registries; of those that apply the one with the longest name decides.
    """
    rule = _rule(name.registry, name.repository, rules)
    found: list[Endpoint] = []
    if rule is not None and not for_writing:
        found += [endpoint for url in rule.mirrors for endpoint in _mirror(url, rule, name, rules)]
    return (*found, *_own(name.registry, name.repository, is_insecure=rule is not None and rule.insecure))


def credential_key(registry: str) -> str:
    """The name under which Docker keeps a registry's credentials."""
    return _KNOWN[registry][1] if registry in _KNOWN else registry


def canonical(registry: str) -> str:
    """The name that references use for a registry: docker.io for each of Docker Hub's."""
    return _OTHER_NAMES.get(registry, registry)


def split_host(host: str) -> tuple[str, int]:
    """(name, port), 0 for a port that is not given; a name of IPv6 comes without its brackets."""
    match = re.fullmatch(r"\[([0-9A-Fa-f:.%]+)\](?::([0-9]{1,5}))?|([^:\[\]]+)(?::([0-9]{1,5}))?", host)
    if match is None or int(match[2] or match[4] or 0) > 65535:
        raise InvalidArgument(f"{host!r} is no host", hint="write registry.example.com or registry.example.com:5000")
    return (match[1] or match[3]).lower(), int(match[2] or match[4] or 0)


def default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def is_local(host: str) -> bool:
    """Whether a host is this one: localhost, 127.*, ::1. No name is looked up."""
    name, _ = split_host(host)
    return (
        name in ("localhost", "::1")
        or name.endswith(".localhost")
        or re.fullmatch(r"127(?:\.[0-9]{1,3}){3}", name) is not None
    )


def _own(registry: str, repository: str, *, is_insecure: bool) -> tuple[Endpoint, ...]:
    host = _KNOWN[registry][0] if registry in _KNOWN else registry
    secure = Endpoint("https", host, repository, registry)
    if is_local(host):
        return (secure._replace(scheme="http"), secure._replace(is_verified=False))
    if is_insecure:
        return (secure._replace(is_verified=False), secure._replace(scheme="http", is_verified=False))
    return (secure,)


def _mirror(url: str, rule: Registry, name: Reference, rules: Sequence[Registry]) -> tuple[Endpoint, ...]:
    """The repository at a mirror: what follows the rule's prefix, below the mirror's own path."""
    match = re.fullmatch(r"(https?)://([^/]+)(?:/(.*?))?/*", url)
    if match is None:
        raise InvalidArgument(f"the mirror {url!r} of {rule.name} is no URL", hint="such as https://mirror.example.com")
    scheme, host, path = match[1], match[2], match[3] or ""
    below = rule.name.partition("/")[2]
    rest = name.repository[len(below) :].lstrip("/") if below else name.repository
    repository = f"{path}/{rest}" if path else rest
    own = _rule(host, repository, rules)
    is_verified = not (is_local(host) or (own is not None and own.insecure))
    return (Endpoint(scheme, host, repository, host, is_mirror=True, is_verified=is_verified),)


def _rule(registry: str, repository: str, rules: Sequence[Registry]) -> Registry | None:
    whole = f"{canonical(registry)}/{repository}"
    fitting = [rule for rule in rules if whole == rule.name or whole.startswith(rule.name.rstrip("/") + "/")]
    return max(fitting, key=lambda rule: len(rule.name), default=None)
