"""Questions about names that are not ours go to name servers, from this host's network or from a container's.

Each question has a socket and a random id of its own: the kernel gives it an unforeseen port and takes packets of the
asked server alone, and what comes must repeat the question. One server after the other is asked.
"""

import os
import socket
import time
from collections.abc import Callable, Sequence

from sampan.engine.supervision.loop import READ, WRITE, Loop
from sampan.linux import netns
from sampan.networks import dns, files

_PORT = 53
_SECONDS = 2.0
_LAST_SECONDS = 4.0
_SERVERS = 3  # as many as a resolv.conf may name
OUTSTANDING = 1024
OUTSTANDING_OF_ONE = 100


class _Asked:
    """A question on its way. `attempt` counts servers; `received` collects a TCP answer, `unsent` a TCP question."""

    __slots__ = (
        "asker", "attempt", "deadline", "identity", "namespace", "packet", "query", "received", "reply", "servers",
        "socket", "stream", "unsent",
    )  # fmt: skip

    def __init__(
        self, asker: str, query: dns.Query, packet: bytes, servers: Sequence[str], stream: bool,
        namespace: Callable[[], int] | None, reply: Callable[[bytes], None],
    ) -> None:  # fmt: skip
        self.asker = asker
        self.query = query
        self.packet = packet
        self.servers = servers
        self.stream = stream
        self.namespace = namespace
        self.reply = reply
        self.attempt = -1
        self.deadline = 0.0
        self.identity = 0
        self.socket: socket.socket | None = None
        self.received = b""
        self.unsent = b""


class Forwarder:
    """The questions that are outstanding: at most OUTSTANDING, and OUTSTANDING_OF_ONE of one container."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._asked: set[_Asked] = set()
        self._counts: dict[str, int] = {}

    def ask(
        self,
        asker: str,
        query: dns.Query,
        packet: bytes,
        servers: Sequence[str],
        *,
        stream: bool,
        reply: Callable[[bytes], None],
        namespace: Callable[[], int] | None = None,
    ) -> None:
        """Get an answer and give it to `reply`: a failure when there are no servers, too many questions, or no answer.

        `namespace` opens the network namespace, as a descriptor, from which servers on a loopback address are asked.
        """
        usable = [server for server in servers if _family(server)][:_SERVERS]
        if not usable or len(self._asked) >= OUTSTANDING or self._counts.get(asker, 0) >= OUTSTANDING_OF_ONE:
            reply(dns.failure(query, dns.SERVER_FAILURE))
            return
        asked = _Asked(asker, query, packet, usable, stream, namespace, reply)
        self._asked.add(asked)
        self._counts[asker] = self._counts.get(asker, 0) + 1
        self._next(asked)

    def moments(self) -> list[float]:
        return [min(asked.deadline for asked in self._asked)] if self._asked else []

    def expire(self) -> None:
        """Ask the next server where one has not answered in time."""
        now = time.monotonic()
        for asked in [asked for asked in self._asked if asked.deadline <= now]:
            self._next(asked)

    def forget(self, asker: str) -> None:
        """Nobody waits for the answers to `asker` any more."""
        for asked in [asked for asked in self._asked if asked.asker == asker]:
            self._finish(asked, None)

    def close(self) -> None:
        for asked in list(self._asked):
            self._finish(asked, None)

    def _next(self, asked: _Asked) -> None:
        self._hang_up(asked)
        asked.attempt += 1
        while asked.attempt < len(asked.servers):
            is_last = asked.attempt + 1 == len(asked.servers)
            asked.deadline = time.monotonic() + (_LAST_SECONDS if is_last else _SECONDS)
            try:
                self._send(asked)
                return
            except OSError:  # unreachable, refused: as good as no answer, and told below when it was the last
                self._hang_up(asked)
                asked.attempt += 1
        self._finish(asked, dns.failure(asked.query, dns.SERVER_FAILURE))

    def _send(self, asked: _Asked) -> None:
        server = asked.servers[asked.attempt]
        opened = asked.socket = self._open(server, asked)
        opened.setblocking(False)
        asked.identity = int.from_bytes(os.urandom(2), "big")
        asked.received = b""
        packet = dns.with_identity(asked.packet, asked.identity)
        if asked.stream:
            asked.unsent = len(packet).to_bytes(2, "big") + packet
            try:
                opened.connect(_address(server))
            except BlockingIOError:
                pass
            self._loop.watch(opened.fileno(), lambda: self._flow(asked), READ | WRITE)
        else:
            opened.connect(_address(server))
            opened.send(packet)
            self._loop.watch(opened.fileno(), lambda: self._datagram(asked))

    def _open(self, server: str, asked: _Asked) -> socket.socket:
        family = _family(server)
        kind = socket.SOCK_STREAM if asked.stream else socket.SOCK_DGRAM
        if asked.namespace is None or not files.is_loopback(server):
            return socket.socket(family, kind)
        namespace = asked.namespace()
        try:
            return netns.inside(namespace, lambda: socket.socket(family, kind))
        finally:
            os.close(namespace)

    def _datagram(self, asked: _Asked) -> None:
        assert asked.socket is not None
        try:
            packet = asked.socket.recv(dns.LARGEST_BYTES)
        except BlockingIOError:
            return
        except OSError:  # nobody listens there
            self._next(asked)
            return
        self._take(asked, packet)

    def _flow(self, asked: _Asked) -> None:
        assert asked.socket is not None
        try:
            if asked.unsent:
                asked.unsent = asked.unsent[asked.socket.send(asked.unsent) :]
                if not asked.unsent:
                    self._loop.watch(asked.socket.fileno(), lambda: self._flow(asked))
                return
            piece = asked.socket.recv(dns.LARGEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._next(asked)
            return
        asked.received += piece
        length = int.from_bytes(asked.received[:2], "big")
        if len(asked.received) >= 2 + length and len(asked.received) > 2:
            self._take(asked, asked.received[2 : 2 + length])
        elif not piece:
            self._next(asked)

    def _take(self, asked: _Asked, packet: bytes) -> None:
        if not dns.is_answer(packet, asked.identity, asked.query.question):
            if asked.stream:
                self._next(asked)
            return  # somebody guesses: the true answer may still come
        if dns.is_refused(packet) and asked.attempt + 1 < len(asked.servers):
            self._next(asked)
            return
        self._finish(asked, dns.with_identity(packet, asked.query.identity))

    def _hang_up(self, asked: _Asked) -> None:
        if asked.socket is not None:
            self._loop.forget(asked.socket.fileno())
            asked.socket.close()
            asked.socket = None

    def _finish(self, asked: _Asked, answer: bytes | None) -> None:
        self._hang_up(asked)
        self._asked.discard(asked)
        left = self._counts[asked.asker] - 1
        if left:
            self._counts[asked.asker] = left
        else:
            del self._counts[asked.asker]
        if answer is not None:
            asked.reply(answer)


def _family(server: str) -> int:
    """AF_INET, AF_INET6, or 0 for what is no address: a name would have to be resolved, by us."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, server.partition("%")[0] if family == socket.AF_INET6 else server)
            return family
        except OSError:
            continue
    return 0


def _address(server: str) -> tuple[str, int] | tuple[str, int, int, int]:
    if _family(server) == socket.AF_INET:
        return server, _PORT
    address, _, interface = server.partition("%")
    scope = int(interface) if interface.isdigit() else socket.if_nametoindex(interface) if interface else 0
    return address, _PORT, 0, scope
