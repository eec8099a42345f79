"""Connections that the kernel tracks (ctnetlink), to make it forget where it has translated a flow to."""

import struct
from _socket import AF_INET
from collections.abc import Collection

from sampan.linux.netlink import (
    NETLINK_NETFILTER,
    NLA_F_NESTED,
    NLM_F_ACK,
    NLM_F_DUMP,
    Message,
    Netlink,
    attribute,
    attributes,
)
from sampan.linux.nfnetlink import close_elsewhere

_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2
_TUPLE_ORIGINAL, _ZONE, _TUPLE_PROTOCOL, _PROTOCOL_NUMBER, _DESTINATION_PORT = 1, 18, 2, 1, 3
_UDP = b"\x11"


def forget_udp(ports: Collection[int], family: int = AF_INET) -> None:
    """Forget all flows of UDP to one of `ports`, of IPv4 or IPv6 (AF_INET6), in this thread's network namespace.

    A flow is translated once, when it begins, and one of UDP has no end: a client that goes on sending would reach
    whoever had the port then, or has that address since.
    """
    wanted = {number.to_bytes(2, "big") for number in ports}
    netlink = Netlink(NETLINK_NETFILTER)
    try:
        generic = struct.pack("!BBH", family, 0, 0)
        for reply in netlink.request(Message(_GET, NLM_F_DUMP, generic)):
            values = dict(attributes(reply.body[len(generic) :]))
            original = values.get(_TUPLE_ORIGINAL, b"")
            protocol = dict(attributes(dict(attributes(original)).get(_TUPLE_PROTOCOL, b"")))
            if protocol.get(_PROTOCOL_NUMBER) == _UDP and protocol.get(_DESTINATION_PORT) in wanted:
                _forget(netlink, generic, original, values.get(_ZONE))
    finally:
        close_elsewhere(netlink)


def _forget(netlink: Netlink, generic: bytes, original: bytes, zone: bytes | None) -> None:
    body = generic + attribute(_TUPLE_ORIGINAL | NLA_F_NESTED, original)
    if zone is not None:
        body += attribute(_ZONE, zone)
    try:
        netlink.send([Message(_DELETE, NLM_F_ACK, body)])
    except FileNotFoundError:  # it ended by itself
        return
