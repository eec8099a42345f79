"""Ports of the host: binding them, and finding who has one."""

import errno
import os
from _socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPV6_V6ONLY,
    SO_REUSEADDR,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)

from sampan.values import NamedTuple

_LISTEN = "0A"
_TRANSPORTS = {"tcp": (SOCK_STREAM, IPPROTO_TCP), "udp": (SOCK_DGRAM, IPPROTO_UDP), "sctp": (SOCK_STREAM, 132)}


class Holder(NamedTuple):
    pid: int
    name: str


class _Entry(NamedTuple):
    state: str
    inode: str


def reserve(protocol: str, address: str, port: int) -> int:
    """Bind a port of an IPv4 or IPv6 address without listening, so that nobody else gets it; returns the descriptor of
    the socket.

    Raises OSError: EADDRINUSE, EADDRNOTAVAIL, EPROTONOSUPPORT, EAFNOSUPPORT. Connections of the past (TIME_WAIT) are no
    obstacle, as they are none for a server, which sets SO_REUSEADDR; set from the start, that option would let two
    reservations share a port.
    """
    try:
        return _bind(protocol, address, port, reuse=False)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or protocol != "tcp":
            raise
        states = [entry.state for entry in _entries(protocol, port)]
        if not states or _LISTEN in states:
            raise
        return _bind(protocol, address, port, reuse=True)


def _bind(protocol: str, address: str, port: int, *, reuse: bool) -> int:
    kind, number = _TRANSPORTS[protocol]
    is_ipv6 = ":" in address
    bound = socket(AF_INET6 if is_ipv6 else AF_INET, kind | SOCK_CLOEXEC, number)
    try:
        if is_ipv6:
            bound.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
        if reuse:
            bound.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        bound.bind((address, port))
        if reuse:
            bound.setsockopt(SOL_SOCKET, SO_REUSEADDR, 0)
    except BaseException:
        bound.close()
        raise
    return bound.detach()


def holder(protocol: str, port: int) -> Holder | None:
    """A process that listens on `port` or has it bound; None when it cannot be told.

    A TCP socket that is bound and does not listen is not listed by the kernel.
    """
    entries = _entries(protocol, port)
    for entry in sorted(entries, key=lambda entry: entry.state != _LISTEN):
        found = _owner(f"socket:[{entry.inode}]")
        if found is not None:
            return found
    return None


def ephemeral_range() -> tuple[int, int]:
    """First and last port that the kernel gives to sockets that ask for none."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first, last = file.read().split()
    return int(first), int(last)


def _entries(protocol: str, port: int) -> list[_Entry]:
    suffix = f":{port:04X}"
    found = []
    for name in (protocol, protocol + "6"):
        try:
            with open(f"/proc/thread-self/net/{name}") as file:
                lines = file.readlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            fields = line.split()
            if fields[1].endswith(suffix):
                found.append(_Entry(fields[3], fields[9]))
    return found


def _owner(link: str) -> Holder | None:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(os.readlink(f"/proc/{pid}/fd/{fd}") == link for fd in os.listdir(f"/proc/{pid}/fd")):
                with open(f"/proc/{pid}/comm") as file:
                    return Holder(int(pid), file.read().strip())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return None
