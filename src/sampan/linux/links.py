"""Links, addresses and routes of a network namespace (rtnetlink(7))."""

import errno
import struct
from _socket import AF_INET, AF_INET6, if_nametoindex, inet_ntop, inet_pton
from collections.abc import Sequence

from sampan.linux.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Message,
    Netlink,
    attribute,
    attributes,
    nested,
    text,
)
from sampan.values import NamedTuple

_NEWLINK, _DELLINK, _GETLINK, _NEWADDR, _GETADDR, _NEWROUTE, _GETROUTE, _NEWNEIGH = 16, 17, 18, 20, 22, 24, 26, 28
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_NET_NS_FD = (
    1,
    3,
    4,
    5,
    10,
    18,
    28,
)
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_MACVLAN_MODE, _IPVLAN_MODE, _VETH_PEER, _BRPORT_MODE, _BRPORT_ISOLATED, _IFF_UP = 1, 1, 1, 4, 33, 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_F_NODAD = 1, 2, 4, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_PF_BRIDGE, _NDA_LLADDR, _NTF_MASTER, _NUD_NOARP = 7, 2, 4, 0x40
_LINK, _ADDRESS, _ROUTE, _NEIGHBOUR = (struct.Struct(s) for s in ("=BxHiII", "=BBBBI", "=BBBBBBBBI", "=BxxxiHBB"))
_MAIN_TABLE, _STATIC, _UNICAST = 254, 4, 1
_LENGTHS = {AF_INET: 4, AF_INET6: 16}


class Link(NamedTuple):
    number: int  # its index
    name: str
    master: int  # index of the bridge that it is a port of, 0 without
    is_up: bool
    mac: str = ""


class Route(NamedTuple):
    """A destination; 0.0.0.0/0 and ::/0 are the default routes."""

    destination: str
    prefix_length: int
    link: int = 0  # index of the link that has it as an address


def index_of(name: str) -> int:
    """Index of a link in this thread's namespace, 0 when there is none."""
    try:
        return if_nametoindex(name)
    except OSError:  # it carries no errno: the C function says no more than that
        return 0


def list_links(netlink: Netlink) -> list[Link]:
    found = []
    for reply in netlink.request(Message(_GETLINK, NLM_F_DUMP, _LINK.pack(0, 0, 0, 0, 0))):
        _, _, index, flags, _ = _LINK.unpack_from(reply.body)
        values = dict(attributes(reply.body[_LINK.size :]))
        name = values.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace")
        master = int.from_bytes(values.get(_IFLA_MASTER, b""), "little")
        found.append(Link(index, name, master, bool(flags & _IFF_UP), values.get(_IFLA_ADDRESS, b"").hex(":")))
    return found


def list_addresses(netlink: Netlink, family: int = AF_INET) -> list[Route]:
    """The addresses of all links, of IPv4 or of IPv6 (AF_INET6), each with its prefix length."""
    found = []
    for reply in netlink.request(Message(_GETADDR, NLM_F_DUMP, _ADDRESS.pack(family, 0, 0, 0, 0))):
        values = dict(attributes(reply.body[_ADDRESS.size :]))
        address = values.get(_IFA_LOCAL) or values.get(_IFA_ADDRESS)
        if address is not None and len(address) == _LENGTHS[family]:
            found.append(Route(inet_ntop(family, address), reply.body[1], _ADDRESS.unpack_from(reply.body)[4]))
    return found


def list_routes(netlink: Netlink, family: int = AF_INET) -> list[Route]:
    """The destinations of the main routing table, of IPv4 or of IPv6."""
    found = []
    for reply in netlink.request(Message(_GETROUTE, NLM_F_DUMP, _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))):
        _, prefix_length, _, _, table, *_ = _ROUTE.unpack_from(reply.body)
        destination = dict(attributes(reply.body[_ROUTE.size :])).get(_RTA_DST, bytes(_LENGTHS[family]))
        if table == _MAIN_TABLE and len(destination) == _LENGTHS[family]:
            found.append(Route(inet_ntop(family, destination), prefix_length))
    return found


def set_up(netlink: Netlink, name: str) -> None:
    """Switch a link on. Raises OSError (ENODEV)."""
    netlink.send([Message(_NEWLINK, NLM_F_ACK, _link(up=True) + text(_IFLA_IFNAME, name))])


def set_master(netlink: Netlink, name: str, master: int) -> None:
    """Make the link `name` a port of the bridge with index `master`. Raises OSError (ENODEV)."""
    body = _link(up=True) + text(_IFLA_IFNAME, name) + attribute(_IFLA_MASTER, struct.pack("=I", master))
    netlink.send([Message(_NEWLINK, NLM_F_ACK, body)])


def delete_link(netlink: Netlink, name: str) -> None:
    """Delete a link and, of a veth, its other end; nothing happens when it is not there.

    The kernel waits for readers of the link: about 30 ms for a veth.
    """
    try:
        netlink.send([Message(_DELLINK, NLM_F_ACK, _link() + text(_IFLA_IFNAME, name))])
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


def delete_index(netlink: Netlink, index: int) -> None:
    """As `delete_link`, by its index."""
    try:
        netlink.send([Message(_DELLINK, NLM_F_ACK, _LINK.pack(0, 0, index, 0, 0))])
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


def create_bridge(netlink: Netlink, name: str, mac: str, addresses: Sequence[tuple[str, int]], mtu: int = 0) -> int:
    """Make a bridge, give it addresses with their prefix lengths, switch it on and return its index. Raises OSError
    (EEXIST).

    Its hardware address is fixed: left to itself a bridge takes that of a port and changes it as ports come and go.
    """
    body = (
        _link(up=True)
        + text(_IFLA_IFNAME, name)
        + attribute(_IFLA_ADDRESS, _mac_bytes(mac))
        + _mtu(mtu)
        + nested(_IFLA_LINKINFO, attribute(_INFO_KIND, b"bridge"))
    )
    netlink.send([Message(_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)])
    index = if_nametoindex(name)
    netlink.send([_new_address(index, address, prefix_length) for address, prefix_length in addresses])
    return index


def create_veth(
    netlink: Netlink,
    name: str,
    *,
    peer: str,
    peer_mac: str,
    namespace_fd: int,
    bridge: int = 0,
    hairpin: bool = False,
    isolated: bool = False,
    mtu: int = 0,
) -> None:
    """Make a pair of linked interfaces: `name` here, on, and `peer` in another namespace, off. Raises OSError (EEXIST).

    `bridge` is the index of the bridge that gets `name` as a port, which is told at once that `peer_mac` is behind it:
    a namespace that is dying may still answer for the same address. With `hairpin` the port may send a frame back to
    where it came from; an `isolated` one exchanges none with other such ports. `mtu` 0 is the kernel's choice.
    """
    inside = (
        _link()
        + text(_IFLA_IFNAME, peer)
        + attribute(_IFLA_ADDRESS, _mac_bytes(peer_mac))
        + _mtu(mtu)
        + attribute(_IFLA_NET_NS_FD, struct.pack("=I", namespace_fd))
    )
    body = _link(up=True) + text(_IFLA_IFNAME, name) + _mtu(mtu)
    if bridge:
        body += attribute(_IFLA_MASTER, struct.pack("=I", bridge))
    data = nested(_INFO_DATA, nested(_VETH_PEER, inside))
    body += nested(_IFLA_LINKINFO, attribute(_INFO_KIND, b"veth"), data)
    netlink.send([Message(_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)])
    if not bridge:
        return
    behind = _NEIGHBOUR.pack(_PF_BRIDGE, if_nametoindex(name), _NUD_NOARP, _NTF_MASTER, 0)
    behind += attribute(_NDA_LLADDR, _mac_bytes(peer_mac))
    messages = [Message(_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, behind)]
    flags = [attribute(kind, b"\1") for kind, on in ((_BRPORT_MODE, hairpin), (_BRPORT_ISOLATED, isolated)) if on]
    if flags:
        port = nested(_IFLA_LINKINFO, attribute(_INFO_SLAVE_KIND, b"bridge"), nested(_INFO_SLAVE_DATA, *flags))
        messages.append(Message(_NEWLINK, NLM_F_ACK, _link() + text(_IFLA_IFNAME, name) + port))
    netlink.send(messages)


def create_on_parent(
    netlink: Netlink, name: str, *, kind: str, mode: int, parent: int, mac: str, namespace_fd: int, mtu: int = 0
) -> None:
    """Make `name` in another namespace, off: a macvlan or ipvlan (`kind`) of the link with index `parent`.

    `mode` is the kernel's number for how it shares that link. An ipvlan has its parent's hardware address. Raises
    OSError (EEXIST; EBUSY where the parent is used in another way).
    """
    modes = {"macvlan": (_MACVLAN_MODE, "=I"), "ipvlan": (_IPVLAN_MODE, "=H")}
    number, packing = modes[kind]
    body = _link() + text(_IFLA_IFNAME, name) + attribute(_IFLA_LINK, struct.pack("=I", parent)) + _mtu(mtu)
    if kind == "macvlan":
        body += attribute(_IFLA_ADDRESS, _mac_bytes(mac))
    body += attribute(_IFLA_NET_NS_FD, struct.pack("=I", namespace_fd))
    data = nested(_INFO_DATA, attribute(number, struct.pack(packing, mode)))
    body += nested(_IFLA_LINKINFO, attribute(_INFO_KIND, kind.encode()), data)
    netlink.send([Message(_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)])


def configure(netlink: Netlink, name: str, *addresses: tuple[str, int], gateways: Sequence[str] = ()) -> None:
    """Switch the link `name` on with addresses, each with its prefix length, and make `gateways` (at most one of each
    family) the way to everywhere.

    A namespace that has a default route keeps it.
    """
    index = if_nametoindex(name)
    up = Message(_NEWLINK, NLM_F_ACK, _link(up=True) + text(_IFLA_IFNAME, name))
    netlink.send([up, *(_new_address(index, address, length) for address, length in addresses)])
    for gateway in gateways:
        try:
            netlink.send([_default_route(gateway, NLM_F_EXCL, index)])
        except FileExistsError:
            continue


def lead_out(netlink: Netlink, gateway: str) -> None:
    """Make `gateway` the way to everywhere, in place of another. Raises OSError (ENETUNREACH: no link leads there)."""
    netlink.send([_default_route(gateway, NLM_F_REPLACE)])


def _default_route(gateway: str, flag: int, link: int = 0) -> Message:
    family = AF_INET6 if ":" in gateway else AF_INET
    body = _ROUTE.pack(family, 0, 0, 0, _MAIN_TABLE, _STATIC, 0, _UNICAST, 0)
    body += attribute(_RTA_GATEWAY, inet_pton(family, gateway))
    if link:
        body += attribute(_RTA_OIF, struct.pack("=I", link))
    return Message(_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | flag, body)


def _new_address(index: int, address: str, prefix_length: int) -> Message:
    """Of IPv6 without the search for another one that has it, which would keep it from being used for a second."""
    if ":" in address:
        packed = inet_pton(AF_INET6, address)
        body = _ADDRESS.pack(AF_INET6, prefix_length, _IFA_F_NODAD, 0, index)
        body += attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
        return Message(_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)
    packed = inet_pton(AF_INET, address)
    host_bits = (1 << (32 - prefix_length)) - 1
    broadcast = (int.from_bytes(packed, "big") | host_bits).to_bytes(4, "big")
    body = _ADDRESS.pack(AF_INET, prefix_length, 0, 0, index)
    body += attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed) + attribute(_IFA_BROADCAST, broadcast)
    return Message(_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)


def _mtu(size: int) -> bytes:
    return attribute(_IFLA_MTU, struct.pack("=I", size)) if size else b""


def _link(*, up: bool = False) -> bytes:
    return _LINK.pack(0, 0, 0, _IFF_UP if up else 0, _IFF_UP if up else 0)


def _mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
