"""Published ports: host ports that lead to a container."""

import errno
import os
from collections.abc import Callable, Sequence

from sampan.errors import Conflict, InvalidArgument, Unavailable, Unsupported
from sampan.linux import fault, sockets
from sampan.networks import endpoints, firewall, ipam, published
from sampan.networks.endpoints import Endpoint
from sampan.networks.published import PublishedPort
from sampan.networks.ruleset import PROTOCOL_NUMBERS, Forward
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple


class PortBinding(NamedTuple):
    """What is asked for. `host_ip` "" means all addresses, of IPv6 too where the container has one; `host_port` 0 an
    ephemeral one.

    `host_port_end` above `host_port` asks for the first free one of the range, both ends included.
    """

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int = 0
    host_port_end: int = 0


class Publication(NamedTuple):
    """`reservations` are sockets bound to the host ports, which keep everybody else off them.

    They are the caller's to close (at once, or by handing them to a process that lives as long as the container).
    """

    ports: tuple[PublishedPort, ...]
    reservations: list[int]


def publish(
    database: Database, paths: Paths, container_id: str, endpoint: Endpoint, bindings: Sequence[PortBinding]
) -> Publication:
    """Let the host ports of `bindings` lead to the container's addresses, all or none.

    Raises Conflict when a container or a process has a port, InvalidArgument for an address that is not the host's, or
    of IPv6 for a container without, Unsupported for [::1] and for protocols that the kernel has not, Unavailable when
    no ephemeral port is free.
    """
    taken: list[tuple[PublishedPort, int]] = []
    try:
        with database.transaction(durable=False):
            for binding in bindings:
                found = _take(database, container_id, endpoint, binding)
                taken += found
                for port, _ in found:
                    database.execute(
                        "INSERT INTO port(container_port, protocol, host_ip, host_port, container_id)"
                        " VALUES(?, ?, ?, ?, ?)",
                        (*port, container_id),
                    )
            if taken:
                firewall.add(database, paths, [_forward(port, endpoint) for port, _ in taken])
            fault.point("port.forwarded")
    except BaseException:
        for _, reservation in taken:
            os.close(reservation)
        if taken:
            firewall.remove(paths, _unowned(database, [port for port, _ in taken], endpoint))
        raise
    fault.point("port.published")
    return Publication(tuple(port for port, _ in taken), [reservation for _, reservation in taken])


def _forward(port: PublishedPort, endpoint: Endpoint) -> Forward:
    address = endpoint.ip6 if port.is_ipv6 else endpoint.ip
    return Forward(port.protocol, port.host_ip, port.host_port, address, port.container_port)


def _unowned(database: Database, ports: Sequence[PublishedPort], endpoint: Endpoint) -> list[Forward]:
    return [_forward(p, endpoint) for p in ports if not published.owner(database, p.protocol, p.host_ip, p.host_port)]


def _take(
    database: Database, container_id: str, endpoint: Endpoint, binding: PortBinding
) -> list[tuple[PublishedPort, int]]:
    """What one binding makes, each with the socket that reserves it: one port of IPv4, of IPv6, or one of both."""
    if binding.protocol not in PROTOCOL_NUMBERS:
        raise InvalidArgument(f"invalid proto: {binding.protocol}")
    wanted = [
        PublishedPort(binding.container_port, binding.protocol, host_ip, binding.host_port)
        for host_ip in _host_addresses(binding.host_ip, endpoint)
    ]
    failed = _failure_prefix(database, container_id, endpoint)
    if not binding.host_port:
        return _take_first(database, wanted, sockets.ephemeral_range(), endpoint, failed)
    if binding.host_port_end > binding.host_port:
        return _take_first(database, wanted, (binding.host_port, binding.host_port_end), endpoint, failed)
    for port in wanted:
        owner = published.owner(database, port.protocol, port.host_ip, port.host_port)
        if owner:
            raise Conflict(
                f"{failed()}Bind for {_shown(port)} failed: port is already allocated",
                hint=f"container {endpoints.container_name(database, owner)} has published port {port.host_port}:"
                " stop it, or choose another host port",
            )
    try:
        return _reserve(wanted)
    except _Refused as refused:
        raise _explained(refused.error, refused.port, endpoint, failed()) from refused.error


def _host_addresses(host_ip: str, endpoint: Endpoint) -> list[str]:
    """The addresses to publish on: "" means all, of IPv6 too where the container has an address of its own there."""
    if ":" not in host_ip:
        if host_ip == "":
            return ["0.0.0.0", "::"] if endpoint.ip6 else ["0.0.0.0"]
        return [ipam.format_address(ipam.parse_address(host_ip))]
    address = ipam.format_address(ipam.parse_address6(host_ip), 128)
    if address == "::1":
        raise Unsupported(
            "cannot publish a port on [::1]: the kernel lets nothing that was sent there leave the host",
            hint="publish it on 127.0.0.1, or on all addresses with -p HOST_PORT:CONTAINER_PORT",
        )
    if not endpoint.ip6:
        raise InvalidArgument(
            f"cannot publish a port on the IPv6 address {host_ip}: the container has none in network"
            f" {endpoint.network}",
            hint="sampan network create --ipv6 NAME, then --network NAME; or publish it on an IPv4 address",
        )
    return [address]


def _shown(port: PublishedPort) -> str:
    return f"[{port.host_ip}]:{port.host_port}" if port.is_ipv6 else f"{port.host_ip}:{port.host_port}"


class _Refused(Exception):
    """The kernel does not give a port."""

    def __init__(self, port: PublishedPort, error: OSError) -> None:
        super().__init__(error)
        self.port = port
        self.error = error


def _reserve(wanted: Sequence[PublishedPort]) -> list[tuple[PublishedPort, int]]:
    """Each port with the socket that reserves it, all or none. Raises _Refused."""
    done: list[tuple[PublishedPort, int]] = []
    for port in wanted:
        try:
            done.append((port, sockets.reserve(port.protocol, port.host_ip, port.host_port)))
        except OSError as error:
            for _, reservation in done:
                os.close(reservation)
            raise _Refused(port, error) from error
    return done


def _failure_prefix(database: Database, container_id: str, endpoint: Endpoint) -> Callable[[], str]:
    def text() -> str:
        name = endpoints.container_name(database, container_id)
        return f"driver failed programming external connectivity on endpoint {name} ({endpoint.id}): "

    return text


def _explained(error: OSError, port: PublishedPort, endpoint: Endpoint, prefix: str) -> Exception:
    where = f"{_shown(port)}:{_forward(port, endpoint).container_ip}:{port.container_port}/{port.protocol}"
    if error.errno == errno.EADDRINUSE:
        holder = sockets.holder(port.protocol, port.host_port)
        by = "another process" if holder is None else f"{holder.name} (pid {holder.pid})"
        return Conflict(
            f"{prefix}failed to bind host port for {where}: address already in use",
            hint=f"{by} has port {port.host_port}: stop it, or choose another host port",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return InvalidArgument(
            f"{prefix}failed to bind host port for {where}: cannot assign requested address",
            hint=f"{port.host_ip} is not an address of this host",
        )
    hint = f"the kernel of this host has no {port.protocol}" if error.errno == errno.EPROTONOSUPPORT else ""
    return Unsupported(f"{prefix}failed to bind host port for {where}: {(error.strerror or '').lower()}", hint=hint)


def _take_first(
    database: Database,
    wanted: Sequence[PublishedPort],
    numbers: tuple[int, int],
    endpoint: Endpoint,
    failed: Callable[[], str],
) -> list[tuple[PublishedPort, int]]:
    """The lowest port from the first to the last of `numbers` that is free on all addresses. Raises Unavailable,
    InvalidArgument, Unsupported."""
    first, last = numbers
    for number in range(first, last + 1):
        tried = [port._replace(host_port=number) for port in wanted]
        if any(published.owner(database, port.protocol, port.host_ip, number) for port in tried):
            continue
        try:
            return _reserve(tried)
        except _Refused as refused:
            if refused.error.errno != errno.EADDRINUSE:
                raise _explained(refused.error, refused.port, endpoint, failed()) from refused.error
    raise Unavailable(
        f"{failed()}all ports are allocated",
        hint=f"every port from {first} to {last} is taken: choose another host port",
    )
