"""The name servers of all containers of one root that are in networks with names, in one loop."""

import errno
import os
import time
from collections.abc import Callable, Sequence

from sampan.containers.wake import Gift
from sampan.engine.supervision.forwarding import Forwarder
from sampan.engine.supervision.journal import Journal
from sampan.engine.supervision.loop import Loop
from sampan.engine.supervision.serving import Server
from sampan.errors import SampanError
from sampan.linux import process
from sampan.networks import dns, embedded, files, naming, resolver
from sampan.storage import leases
from sampan.storage.database import Database

_LINGER_SECONDS = 5.0
"""How long we stay when the last container has gone: the next one then needs no supervisor of its own."""
_PENDING_SECONDS = 1.0
_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 1.0, 60.0


class _Client:
    """A container that is served. `pidfd` is -1 until it runs."""

    __slots__ = ("pidfd", "server", "started")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.started = (0, 0)
        self.pidfd = -1


class Names:
    """Who is served: those whose sockets were handed over, and those that run and have nobody."""

    def __init__(self, database: Database, journal: Journal, loop: Loop) -> None:
        self._database = database
        self._journal = journal
        self._loop = loop
        self._forwarder = Forwarder(loop)
        self._clients: dict[str, _Client] = {}
        self._failures: dict[str, tuple[float, float]] = {}  # id: (when to try again, pause before it)
        self._known: dict[str, naming.Asker] = {}
        self._version = -1
        self._last_served = 0.0

    def take(self, gift: Gift) -> None:
        """Serve a container that is being started."""
        self._drop(gift.container_id)
        self._serve(gift.container_id, gift.descriptors)

    def look(self) -> None:
        """Bring who is served in line with the rows."""
        running = naming.askers(self._database)
        for container_id, client in list(self._clients.items()):
            started = running.get(container_id)
            if started is not None and client.started in ((0, 0), started):
                if client.pidfd < 0:
                    self._attend(container_id, client, started)
            elif client.pidfd >= 0 or not self._is_starting(container_id):
                self._drop(container_id)
        self._failures = {key: value for key, value in self._failures.items() if key in running}
        for container_id, (pid, pid_start) in running.items():
            if container_id not in self._clients:
                self._adopt(container_id, pid, pid_start)

    def is_idle(self) -> bool:
        if self._clients or self._failures:
            return False
        return not self._last_served or time.monotonic() >= self._last_served + _LINGER_SECONDS

    def moments(self) -> list[float]:
        """When to call `look`, by time.monotonic()."""
        now = time.monotonic()
        pending = any(client.pidfd < 0 for client in self._clients.values())
        found = [now + _PENDING_SECONDS] if pending else []
        if not self._clients and self._last_served + _LINGER_SECONDS > now:
            found.append(self._last_served + _LINGER_SECONDS)
        return found + [when for when, _ in self._failures.values()]

    def descriptors(self) -> list[int]:
        """None: what is served is in the loop by itself."""
        return []

    def expiries(self) -> list[float]:
        """When to call `expire`, by time.monotonic()."""
        return self._forwarder.moments() + [m for client in self._clients.values() for m in client.server.moments()]

    def expire(self) -> None:
        """Give up waiting for what has not come."""
        self._forwarder.expire()
        for client in self._clients.values():
            client.server.expire()

    def close(self) -> None:
        for container_id in list(self._clients):
            self._drop(container_id)
        self._forwarder.close()

    def _is_starting(self, container_id: str) -> bool:
        return f"container:{container_id}" in leases.held(self._database)

    def _serve(self, container_id: str, descriptors: tuple[int, int]) -> _Client:
        def handle(query: dns.Query, packet: bytes, stream: bool, reply: Callable[[bytes], None]) -> None:
            self._handle(container_id, query, packet, stream, reply)

        self._failures.pop(container_id, None)
        client = self._clients[container_id] = _Client(Server(self._loop, descriptors, handle))
        self._last_served = time.monotonic()
        return client

    def _attend(self, container_id: str, client: _Client, started: tuple[int, int]) -> None:
        """Its sockets hold its network namespace: they are closed in the moment when its first process ends."""
        try:
            client.pidfd = os.pidfd_open(started[0])
        except ProcessLookupError:
            self._drop(container_id)
            return
        client.started = started
        self._loop.watch(client.pidfd, lambda: self._drop(container_id))
        if not process.is_alive(*started):
            self._drop(container_id)

    def _adopt(self, container_id: str, pid: int, pid_start: int) -> None:
        """Serve one whose supervisor has died, or that was connected to a network with names while it ran."""
        due, pause = self._failures.get(container_id, (0.0, _RETRY_SECONDS))
        if not process.is_alive(pid, pid_start):
            self._failures.pop(container_id, None)
            return
        if due > time.monotonic():
            return
        try:
            namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                descriptors = embedded.open_sockets(namespace)
            finally:
                os.close(namespace)
        except (OSError, SampanError) as error:
            if not (isinstance(error, OSError) and error.errno == errno.ENOENT):
                self._journal.failure(f"names for container {container_id}", error)
                self._failures[container_id] = (time.monotonic() + pause, min(pause * 2, _LONGEST_RETRY_SECONDS))
            return
        self._failures.pop(container_id, None)
        self._attend(container_id, self._serve(container_id, descriptors), (pid, pid_start))

    def _drop(self, container_id: str) -> None:
        client = self._clients.pop(container_id, None)
        if client is None:
            return
        self._last_served = time.monotonic()
        self._known.pop(container_id, None)
        if client.pidfd >= 0:
            self._loop.forget(client.pidfd)
            os.close(client.pidfd)
        self._forwarder.forget(container_id)
        client.server.close()

    def _handle(
        self, container_id: str, query: dns.Query, packet: bytes, stream: bool, reply: Callable[[bytes], None]
    ) -> None:
        """Answer a question, from the rows as they are or by asking on. A failure of one must not end the others."""
        if not query.is_standard:
            reply(dns.failure(query, dns.NOT_IMPLEMENTED))
            return
        try:
            asker = self._asker(container_id)
            answer = asker.zone.lookup(query.name, query.kind) if query.kind_class == dns.IN else None
            if answer is not None:
                limit = dns.LARGEST_BYTES if stream else query.limit_bytes
                if answer.names:
                    reply(dns.pointers(query, list(answer.names), limit))
                else:
                    reply(dns.addresses(query, list(answer.addresses), limit))
                return
            self._forward(container_id, asker, query, packet, stream, reply)
        except (OSError, SampanError) as error:
            self._journal.failure(f"question of container {container_id}", error)
            reply(dns.failure(query, dns.SERVER_FAILURE))

    def _forward(
        self,
        container_id: str,
        asker: naming.Asker,
        query: dns.Query,
        packet: bytes,
        stream: bool,
        reply: Callable[[bytes], None],
    ) -> None:
        client = self._clients.get(container_id)
        if client is None:
            return
        server = client.server
        # With --dns its own name server would be asked by itself; the host's may have the same address.
        servers: Sequence[str] = [address for address in asker.servers if address != files.OWN_SERVER]
        servers = servers or files.name_servers(resolver.host_resolv_conf(), needs_any=True)
        self._forwarder.ask(
            container_id,
            query,
            packet,
            () if asker.is_internal else servers,
            stream=stream,
            reply=reply,
            namespace=(lambda: embedded.namespace_of(server.fileno())) if asker.servers else None,
        )

    def _asker(self, container_id: str) -> naming.Asker:
        version = naming.version(self._database)
        if version != self._version:
            self._known.clear()
            self._version = version
        known = self._known.get(container_id)
        if known is None:
            known = self._known[container_id] = naming.asker(self._database, container_id)
        return known
