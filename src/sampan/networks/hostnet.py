"""What networks need of the host: which addresses it uses, forwarding, its resolv.conf, a lock for choosing subnets."""

import fcntl
import os
from _socket import AF_INET6
from collections.abc import Iterator
from contextlib import contextmanager

from sampan.errors import InvalidArgument, Unsupported
from sampan.linux import links
from sampan.linux.netlink import Netlink
from sampan.networks import ipam

_LOCK = "/run/sampan/subnets.lock"
_FORWARDING = "/proc/sys/net/ipv4/ip_forward"
_CONF6 = "/proc/sys/net/ipv6/conf"
_FORWARDING6 = f"{_CONF6}/all/forwarding"
_BRIDGE_FILTER = "/proc/sys/net/bridge/bridge-nf-call-iptables"


@contextmanager
def subnet_lock() -> Iterator[None]:
    """Held, across all roots of the machine, while a subnet is chosen and its bridge made.

    Always taken inside a transaction, never around one: two roots cannot wait for each other.
    """
    os.makedirs(os.path.dirname(_LOCK), 0o711, exist_ok=True)
    fd = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def occupied() -> list[ipam.Subnet]:
    """The subnets of all addresses and routes of the host, in this thread's network namespace."""
    with Netlink() as netlink:
        found = links.list_addresses(netlink) + links.list_routes(netlink)
    return [ipam.enclosing(ipam.parse_address(route.destination), route.prefix_length) for route in found]


def occupied6() -> list[ipam.Subnet]:
    """As `occupied`, of IPv6, without what every link has."""
    with Netlink() as netlink:
        found = links.list_addresses(netlink, AF_INET6) + links.list_routes(netlink, AF_INET6)
    return [
        ipam.enclosing(ipam.parse_address6(route.destination), route.prefix_length, 128)
        for route in found
        if not route.destination.startswith(("fe80:", "ff00:"))
    ]


def enable_forwarding() -> None:
    """Let the host pass packets on between interfaces, as containers need; it stays on."""
    if not _is_on(_FORWARDING):
        _write(_FORWARDING, "1")


def enable_forwarding6() -> None:
    """As `enable_forwarding`, of IPv6; interfaces that take router advertisements go on doing so.

    Left alone, a host that forwards takes none, and would lose its own default route. Raises FileNotFoundError on a
    kernel without IPv6.
    """
    if _is_on(_FORWARDING6):
        return
    for name in os.listdir(_CONF6):
        path = f"{_CONF6}/{name}/accept_ra"
        if name not in ("all", "default", "lo") and _is_on(path):
            _write(path, "2")
    _write(_FORWARDING6, "1")


def route_localnet(interface: str) -> None:
    """Let 127.0.0.1 of the host lead to published ports behind `interface`."""
    _write(f"/proc/sys/net/ipv4/conf/{interface}/route_localnet", "1")


def is_localnet_routed(interface: str) -> bool:
    """Whether there is that interface and `route_localnet` was called for it."""
    try:
        return _is_on(f"/proc/sys/net/ipv4/conf/{interface}/route_localnet")
    except FileNotFoundError:
        return False


def disable_ipv6(interface: str) -> None:
    """No link-local address in a network without IPv6; a kernel without it has no such file."""
    try:
        _write(f"{_CONF6}/{interface}/disable_ipv6", "1")
    except FileNotFoundError:
        return


def refuse_advertisements(interface: str) -> None:
    """Take no IPv6 routes from whoever is on that link: a container could lead the host's traffic, or another
    container's, to itself by them."""
    try:
        _write(f"{_CONF6}/{interface}/accept_ra", "0")
    except FileNotFoundError:
        return


def enable_ipv6(interface: str) -> None:
    """Whatever the host's default is. Raises Unsupported on a kernel without IPv6."""
    try:
        _write(f"{_CONF6}/{interface}/disable_ipv6", "0")
    except FileNotFoundError as error:
        raise Unsupported(
            "the kernel of this host has no IPv6",
            hint="make the network without --ipv6, or boot without ipv6.disable=1",
        ) from error


def set_parameter(path: str, value: str) -> None:
    """A sysctl of this thread's network namespace, `path` below /proc/sys. Raises InvalidArgument."""
    try:
        _write(f"/proc/sys/{path}", value)
    except FileNotFoundError as error:
        raise InvalidArgument(f"/proc/sys/{path} is not a sysctl file") from error
    except OSError as error:
        raise InvalidArgument(f"/proc/sys/{path} does not take {value}: {(error.strerror or '').lower()}") from error


def is_bridge_filtered() -> bool:
    """Whether frames inside a bridge pass the rules for IPv4 too, as beside Docker (br_netfilter)."""
    try:
        return _is_on(_BRIDGE_FILTER)
    except FileNotFoundError:
        return False


def _is_on(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(1) == b"1"


def _write(path: str, value: str) -> None:
    with open(path, "w") as file:
        file.write(value)
