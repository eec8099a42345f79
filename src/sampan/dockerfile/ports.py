"""The ports of EXPOSE, after expansion: [[ip:]host:]port[-port][/protocol]."""

import re

from sampan.dockerfile.words import quote
from sampan.errors import InvalidArgument

_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_MAX_PORT = 65535
PROTOCOLS = ("tcp", "udp", "sctp")


def exposed(word: str) -> tuple[str, ...]:
    """The ports that one word exposes, as "80/tcp", a range one by one. What stands before the port is not kept.

    Raises InvalidArgument in Docker's words.
    """
    spec, _, protocol = word.partition("/")
    protocol = protocol.lower() or "tcp"
    address, _, container = spec.rpartition(":")
    if not container:
        raise InvalidArgument(f"no port specified: {word}<empty>")
    first, last = _bounds(container, f"invalid containerPort: {container}")
    if protocol not in PROTOCOLS:
        raise InvalidArgument(
            f"invalid port: {quote(word)}: invalid proto: {protocol}", hint="one of " + ", ".join(PROTOCOLS)
        )
    host = address.rpartition(":")[2]
    if host:
        _bounds(host, f"invalid hostPort: {host}")
    return tuple(f"{port}/{protocol}" for port in range(first, last + 1))


def _bounds(text: str, message: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise InvalidArgument(message, hint="a port is a number up to 65535, or a range like 8000-8010")
    first = int(found[1])
    last = int(found[2] or found[1])
    if not first <= last <= _MAX_PORT:
        raise InvalidArgument(message, hint="a port is a number up to 65535, or a range like 8000-8010")
    return first, last
