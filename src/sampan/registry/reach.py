"""Where an answer may send us: not from elsewhere to this host, and from nowhere to its link's own addresses.

A registry that redirects, or says where an upload goes on, could otherwise have us ask what only this host can reach:
services on its loopback, the metadata of a cloud at 169.254.169.254. Text is judged here; what a name leads to is
judged once its connection stands (`registry/connections`).
"""

import re
import socket
from urllib.parse import urlsplit

from sampan.errors import Corrupt, PermissionDenied
from sampan.registry.endpoints import default_port, is_local

HERE, LINK, ELSEWHERE = "here", "link", "elsewhere"


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL. Raises Corrupt for one that is of another kind.

    So is one that names a user, or has what parsers of URLs take differently: who is asked must be who is connected to.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Corrupt(f"{url[:200]!r} is no URL") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\x00-\x20\x7f\\]", url):
        raise Corrupt(f"{url[:200]!r} is no URL of http")
    if parts.username is not None:
        raise Corrupt(f"a URL of {parts.hostname[:200]!r} names a user, and none is taken from there")
    return parts.scheme, parts.hostname, port or default_port(parts.scheme)


def check_reach(url: str, target: str) -> None:
    """Raises PermissionDenied where `url` sends us to an address that it has no business with."""
    check_place(place_of(origin_of(url)[1]), place_of(origin_of(target)[1]), urlsplit(url).netloc)


def check_place(sender: str, target: str, who: str) -> None:
    """The same for two places; `who` is the sender's name."""
    if target == HERE and sender != HERE:
        raise PermissionDenied(f"{who} redirects to this host itself")
    if target == LINK and sender != LINK:
        raise PermissionDenied(f"{who} redirects to an address of this host's own link, such as a cloud's metadata")


def place_of(name: str) -> str:
    """HERE, LINK or ELSEWHERE for a host's name or address; no name is looked up.

    Addresses are taken in every form that connect() takes: 127.1, 0x7f000001, 2130706433, ::ffff:127.0.0.1.
    """
    plain = name.partition("%")[0].rstrip(".").lower()
    packed = _packed(plain)
    if packed is None:
        return HERE if is_local(plain) else ELSEWHERE
    if packed[0] in (0, 127):
        return HERE
    is_link = packed[:2] == b"\xa9\xfe" or packed[0] >= 224
    return LINK if is_link else ELSEWHERE


def _packed(name: str) -> bytes | None:
    """Four bytes of an address of either family: of IPv6 those of IPv4 in it, or of what stands for its kind."""
    try:
        whole = socket.inet_pton(socket.AF_INET6, name)
    except (OSError, ValueError):
        try:
            return socket.inet_aton(name)
        except (OSError, ValueError):
            return None
    if whole[:12] in (bytes(10) + b"\xff\xff", b"\x00\x64\xff\x9b" + bytes(8)):  # mapped (RFC 4291), NAT64 (RFC 6052)
        return whole[12:]
    if whole in (bytes(16), bytes(15) + b"\x01"):
        return b"\x7f\x00\x00\x01"
    is_link = whole[0] == 0xFF or (whole[0] == 0xFE and whole[1] & 0xC0 == 0x80)
    is_metadata = whole[:6] == b"\xfd\x00\x0e\xc2\x00\x00"
    return b"\xa9\xfe\x00\x00" if is_link or is_metadata else b"\x01\x00\x00\x00"
