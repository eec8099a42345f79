"""Published ports: host ports that lead to a container."""

import errno
import os
from collections.abc import Callable, Sequence

from sampan.errors import Conflict, InvalidArgument, Unavailable, Unsupported
from sampan.linux import fault, sockets
from sampan.networks import endpoints, firewall, ipam, published
from sampan.networks.endpoints import Endpoint
from sampan.networks.published import PublishedPort
from sampan.networks.ruleset import ALL_ADDRESSES, PROTOCOL_NUMBERS, Forward
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple


class PortBinding(NamedTuple):
    """What is asked for. `host_ip` "" means all addresses, `host_port` 0 an ephemeral one.

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
    """Let the host ports of `bindings` lead to the container's address, all or none.

    Raises Conflict when a container or a process has a port, InvalidArgument for an address that is not the host's,
    Unsupported for IPv6, Unavailable when no ephemeral port is free.
    """
    ports: list[PublishedPort] = []
    reservations: list[int] = []
    try:
        with database.transaction(durable=False):
            for binding in bindings:
                port, reservation = _take(database, container_id, endpoint, binding)
                database.execute(
                    "INSERT INTO port(container_port, protocol, host_ip, host_port, container_id)"
                    " VALUES(?, ?, ?, ?, ?)",
                    (*port, container_id),
                )
                ports.append(port)
                reservations.append(reservation)
            if ports:
                firewall.add(database, paths, [_forward(port, endpoint) for port in ports])
            fault.point("port.forwarded")
    except BaseException:
        for fd in reservations:
            os.close(fd)
        if ports:
            firewall.remove(paths, _unowned(database, ports, endpoint))
        raise
    fault.point("port.published")
    return Publication(tuple(ports), reservations)


def _forward(port: PublishedPort, endpoint: Endpoint) -> Forward:
    return Forward(port.protocol, port.host_ip, port.host_port, endpoint.ip, port.container_port)


def _unowned(database: Database, ports: Sequence[PublishedPort], endpoint: Endpoint) -> list[Forward]:
    return [_forward(p, endpoint) for p in ports if not published.owner(database, p.protocol, p.host_ip, p.host_port)]


def _take(database: Database, container_id: str, endpoint: Endpoint, binding: PortBinding) -> tuple[PublishedPort, int]:
    if binding.protocol not in PROTOCOL_NUMBERS:
        raise InvalidArgument(f"invalid proto: {binding.protocol}")
    if ":" in binding.host_ip:
        raise Unsupported(
            f"cannot publish a port on the IPv6 address {binding.host_ip}",
            hint="publish it on an IPv4 address, or on all with -p HOST_PORT:CONTAINER_PORT",
        )
    host_ip = (
        "0.0.0.0" if binding.host_ip in ALL_ADDRESSES else ipam.format_address(ipam.parse_address(binding.host_ip))
    )
    wanted = PublishedPort(binding.container_port, binding.protocol, host_ip, binding.host_port)
    failed = _failure_prefix(database, container_id, endpoint)
    if not wanted.host_port:
        return _take_first(database, wanted, sockets.ephemeral_range(), endpoint, failed)
    if binding.host_port_end > binding.host_port:
        return _take_first(database, wanted, (binding.host_port, binding.host_port_end), endpoint, failed)
    owner = published.owner(database, wanted.protocol, host_ip, wanted.host_port)
    if owner:
        raise Conflict(
            f"{failed()}Bind for {host_ip}:{wanted.host_port} failed: port is already allocated",
            hint=f"container {endpoints.container_name(database, owner)} has published port {wanted.host_port}:"
            " stop it, or choose another host port",
        )
    try:
        return wanted, sockets.reserve(wanted.protocol, host_ip, wanted.host_port)
    except OSError as error:
        raise _explained(error, wanted, endpoint, failed()) from error


def _failure_prefix(database: Database, container_id: str, endpoint: Endpoint) -> Callable[[], str]:
    def text() -> str:
        name = endpoints.container_name(database, container_id)
        return f"driver failed programming external connectivity on endpoint {name} ({endpoint.id}): "

    return text


def _explained(error: OSError, port: PublishedPort, endpoint: Endpoint, prefix: str) -> Exception:
    where = f"{port.host_ip}:{port.host_port}:{endpoint.ip}:{port.container_port}/{port.protocol}"
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
    return Unsupported(f"{prefix}failed to bind host port for {where}: {error.strerror}")


def _take_first(
    database: Database,
    wanted: PublishedPort,
    numbers: tuple[int, int],
    endpoint: Endpoint,
    failed: Callable[[], str],
) -> tuple[PublishedPort, int]:
    """The lowest free port from the first to the last of `numbers`. Raises Unavailable, InvalidArgument."""
    first, last = numbers
    for number in range(first, last + 1):
        port = wanted._replace(host_port=number)
        if published.owner(database, port.protocol, port.host_ip, number):
            continue
        try:
            return port, sockets.reserve(port.protocol, port.host_ip, number)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise _explained(error, port, endpoint, failed()) from error
    raise Unavailable(
        f"{failed()}all ports are allocated",
        hint=f"every port from {first} to {last} is taken: choose another host port",
    )
