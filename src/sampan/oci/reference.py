"""Names of images, as people write them and as registries know them.

    reference  = [ registry "/" ] repository [ ":" tag ] [ "@" digest ]
    registry   = host [ ":" port ]     host = labels joined by dots, or an IPv6 address in brackets
    repository = component { "/" component }
    component  = letters and digits, joined by one of  .  _  __  or any number of -     (lower case)
    tag        = up to 128 of letters, digits, _ . -     (not beginning with . or -)

The first part is a registry only when it holds a dot or a colon, is "localhost", or has an upper-case letter.
Otherwise the registry is docker.io, where a repository of one component is below library/.
"""

import re

from sampan.errors import InvalidArgument
from sampan.values import NamedTuple

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
OFFICIAL = "library/"

MAX_NAME_LENGTH = 255

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"

_REPOSITORY = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_ID = r"[0-9a-f]{64}"
_HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}


class Reference(NamedTuple):
    """A reference made whole. `tag` is "" only when there is a `digest`; `repository` has library/ where it belongs."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Registry and repository: docker.io/library/busybox."""
        return f"{self.registry}/{self.repository}"

    @property
    def repository_familiar(self) -> str:
        """The name as people write it: busybox, me/app, localhost:5000/app."""
        if self.registry != DEFAULT_REGISTRY:
            return self.name
        short = self.repository.removeprefix(OFFICIAL)
        return self.repository if "/" in short else short

    def familiar(self) -> str:
        """The whole reference as docker images shows it: busybox:latest, me/app@sha256:..."""
        return self.repository_familiar + self._suffix()

    def normalised(self) -> str:
        """The whole reference with nothing left out: docker.io/library/busybox:latest."""
        return self.name + self._suffix()

    def __str__(self) -> str:
        return self.normalised()

    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """The reference that `text` means; the tag is "latest" when it has neither tag nor digest.

    Raises InvalidArgument with Docker's messages.
    """
    plain = _plain(text)
    if plain is not None:
        return plain
    if re.fullmatch(_ID, text):
        raise InvalidArgument(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings",
            hint="this is an image ID, not a name",
        )
    name, at, digest = text.partition("@")
    registry, remote = _split_registry(name)
    repository, colon, tag = remote.partition(":")
    if repository != repository.lower():
        raise InvalidArgument(
            f"invalid reference format: repository name ({repository}) must be lowercase",
            hint=f"write {text.replace(repository, repository.lower())}" if repository in text else "",
        )
    if (
        not re.fullmatch(_REGISTRY, registry)
        or not re.fullmatch(_REPOSITORY, repository)
        or (colon and not re.fullmatch(_TAG, tag))
        or (at and not re.fullmatch(_DIGEST, digest))
    ):
        raise InvalidArgument("invalid reference format", hint="write [REGISTRY/]NAME[:TAG] or NAME@sha256:DIGEST")
    if len(repository) > MAX_NAME_LENGTH:
        raise InvalidArgument(f"repository name must not be more than {MAX_NAME_LENGTH} characters")
    if at:
        _check_digest(digest)
    return Reference(registry, repository, tag or ("" if digest else DEFAULT_TAG), digest)


def _plain(text: str) -> Reference | None:
    """Names of letters and digits, the common ones, without the patterns: these take milliseconds to compile."""
    name, colon, tag = text.partition(":")
    if not (name.isascii() and name.isalnum() and name == name.lower()) or len(name) > 63:
        return None
    if colon and not (tag.isascii() and tag.replace(".", "").replace("-", "").isalnum() and tag[0].isalnum()):
        return None
    return Reference(DEFAULT_REGISTRY, OFFICIAL + name, tag or DEFAULT_TAG) if len(tag) <= 128 else None


def _split_registry(name: str) -> tuple[str, str]:
    """The registry and what follows it, with docker.io and library/ filled in."""
    first, slash, rest = name.partition("/")
    is_registry = slash and (any(sign in first for sign in ".:") or first == "localhost" or first != first.lower())
    registry, remote = (first, rest) if is_registry else (DEFAULT_REGISTRY, name)
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in remote:
        remote = OFFICIAL + remote
    return registry, remote


def _check_digest(digest: str) -> None:
    algorithm, _, encoded = digest.partition(":")
    if algorithm not in _HEX_LENGTH:
        raise InvalidArgument("unsupported digest algorithm", hint="write @sha256: and 64 hexadecimal digits")
    if len(encoded) != _HEX_LENGTH[algorithm]:
        raise InvalidArgument("invalid checksum digest length")
    if encoded != encoded.lower():
        raise InvalidArgument("invalid checksum digest format")
