"""A host for tests of networks: a network namespace of its own, with a neighbour on a wire, and what talks there."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sampan.linux import links, netns, syscall
from sampan.linux.netlink import Netlink
from sampan.networks import connect, creation, ports, published, store
from sampan.networks.creation import NetworkOptions
from sampan.networks.endpoints import NO_OPTIONS, Endpoint, EndpointOptions
from sampan.networks.ports import PortBinding
from sampan.storage.database import Database
from sampan.storage.paths import Paths, paths_of

HOST, NEIGHBOUR = "10.99.0.1", "10.99.0.2"
HOST6, NEIGHBOUR6 = "fd99::1", "fd99::2"
SECONDS = 5.0


class Container(NamedTuple):
    """A container's namespace, by descriptor, and its place in a network."""

    id: str
    fd: int
    endpoint: Endpoint


class Host:
    """A host in this thread's network namespace, one root on it, and a neighbour on a wire."""

    def __init__(self, root: str) -> None:
        self.paths: Paths = paths_of(root)
        os.makedirs(root)
        self.database = Database(self.paths.database)
        self.open: list[int] = []
        self.neighbour = self.namespace()
        with Netlink() as netlink:
            links.create_veth(netlink, "up0", peer="eth0", peer_mac="02:00:00:00:00:01", namespace_fd=self.neighbour)
            links.configure(netlink, "up0", (HOST, 24), (HOST6, 64))

        def plug() -> None:
            with Netlink() as netlink:
                links.configure(netlink, "eth0", (NEIGHBOUR, 24), (NEIGHBOUR6, 64), gateways=[HOST, HOST6])

        netns.inside(self.neighbour, plug)

    def namespace(self) -> int:
        self.open.append(netns.create())
        return self.open[-1]

    def container(self, network: str = "bridge", asked: EndpointOptions = NO_OPTIONS) -> Container:
        fd, container_id = self.namespace(), os.urandom(32).hex()
        found = store.find(self.database, self.paths, network)
        return Container(container_id, fd, connect.connect(self.database, self.paths, found, container_id, fd, asked))

    def network(self, name: str, options: NetworkOptions) -> store.Network:
        return creation.create(self.database, self.paths, name, options)

    def publish(self, container: Container, *bindings: PortBinding) -> list[published.PublishedPort]:
        made = ports.publish(self.database, self.paths, container.id, container.endpoint, bindings)
        self.open += made.reservations
        return list(made.ports)

    def close(self) -> None:
        for fd in self.open:
            os.close(fd)
        self.database.close()


@contextmanager
def standing(root: str) -> Iterator[Host]:
    """A host in a network namespace that this thread is in meanwhile; `root` is where its store is."""
    real = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    syscall.unshare(syscall.CLONE_NEWNET)
    try:
        with Netlink() as netlink:
            links.set_up(netlink, "lo")
        made = Host(root)
        try:
            yield made
        finally:
            made.close()
    finally:
        syscall.setns(real, syscall.CLONE_NEWNET)
        os.close(real)


def serve(
    fd: int,
    port: int,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    family: socket.AddressFamily = socket.AF_INET,
) -> socket.socket:
    """A server in a namespace."""

    def make() -> socket.socket:
        server = socket.socket(family, kind)
        server.settimeout(SECONDS)
        server.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            server.listen()
        return server

    return netns.inside(fd, make)


def client(
    fd: int | None,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    seconds: float = SECONDS,
    family: socket.AddressFamily = socket.AF_INET,
) -> socket.socket:
    """A socket in a namespace, None for the host's."""

    def make() -> socket.socket:
        made = socket.socket(family, kind)
        made.settimeout(seconds)
        return made

    return make() if fd is None else netns.inside(fd, make)


def family_of(address: tuple[str, int]) -> socket.AddressFamily:
    """IPv4's or IPv6's."""
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def answers(server: socket.socket, fd: int | None, address: tuple[str, int]) -> str:
    """Send through TCP both ways; returns the client's address as the server saw it."""
    with client(fd, family=family_of(address)) as caller:
        caller.connect(address)
        accepted, peer = server.accept()
        with accepted:
            accepted.settimeout(SECONDS)
            caller.sendall(b"ping")
            assert accepted.recv(10) == b"ping"
            accepted.sendall(b"pong")
            assert caller.recv(10) == b"pong"
    return str(peer[0])


def answers_udp(server: socket.socket, fd: int | None, address: tuple[str, int]) -> None:
    """Send a datagram both ways."""
    with client(fd, socket.SOCK_DGRAM, family=family_of(address)) as caller:
        caller.connect(address)
        caller.send(b"ping")
        data, peer = server.recvfrom(10)
        server.sendto(data, peer)
        assert caller.recv(10) == b"ping"


def is_silent(fd: int | None, address: tuple[str, int]) -> bool:
    """Whether a packet to there is dropped, or refused by whoever is asked."""
    with client(fd, seconds=0.3, family=family_of(address)) as caller:
        try:
            caller.connect(address)
        except (TimeoutError, OSError):
            return True
    return False


def shell(command: str) -> str:
    """What a command of the host prints. Raises CalledProcessError."""
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout
