"""The name server of one container: questions come in over UDP and TCP, answers go out. It decides nothing."""

import socket
import time
from collections.abc import Callable

from sampan.engine.supervision.loop import READ, WRITE, Loop
from sampan.networks import dns

_DATAGRAMS_AT_ONCE = 32  # so that one who asks without end does not keep the others waiting
_CONNECTIONS = 32
_IDLE_SECONDS = 10.0
_UNSENT_LIMIT_BYTES = 4 * dns.LARGEST_BYTES

Handler = Callable[[dns.Query, bytes, bool, Callable[[bytes], None]], None]
"""Called with a question, its packet, whether it came over TCP, and what takes the answer."""


class Server:
    """The two sockets of a container; they are closed by `close`, and with them its connections."""

    def __init__(self, loop: Loop, descriptors: tuple[int, int], handler: Handler) -> None:
        self._loop = loop
        self._handler = handler
        self._datagrams = socket.socket(fileno=descriptors[0])
        self._listener = socket.socket(fileno=descriptors[1])
        self._connections: set[_Connection] = set()
        for opened in (self._datagrams, self._listener):
            opened.setblocking(False)
        loop.watch(self._datagrams.fileno(), self._receive)
        loop.watch(self._listener.fileno(), self._accept)

    def fileno(self) -> int:
        """A socket in the container's network namespace."""
        return self._datagrams.fileno()

    def moments(self) -> list[float]:
        return [connection.deadline for connection in self._connections]

    def expire(self) -> None:
        """Close connections on which nothing has happened for long."""
        now = time.monotonic()
        for connection in [c for c in self._connections if c.deadline <= now]:
            self._drop(connection)

    def close(self) -> None:
        for connection in list(self._connections):
            self._drop(connection)
        for opened in (self._datagrams, self._listener):
            self._loop.forget(opened.fileno())
            opened.close()

    def _receive(self) -> None:
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                packet, asker = self._datagrams.recvfrom(dns.LARGEST_BYTES)
            except OSError:  # nothing is left, or an asker has closed its port: nobody is there to be told
                return
            self._handle(packet, False, lambda answer, asker=asker: self._answer(answer, asker))  # type: ignore[misc]

    def _answer(self, answer: bytes, asker: tuple[str, int]) -> None:
        try:
            self._datagrams.sendto(answer, asker)
        except (OSError, ValueError):  # the asker is gone, or the container
            return

    def _handle(self, packet: bytes, stream: bool, reply: Callable[[bytes], None]) -> None:
        try:
            query = dns.parse_query(packet)
        except dns.Malformed as error:
            if error.identity is not None:
                reply(dns.format_error(error.identity))
            return
        self._handler(query, packet, stream, reply)

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:  # it has gone again
            return
        accepted.setblocking(False)
        if len(self._connections) >= _CONNECTIONS:
            self._drop(min(self._connections, key=lambda connection: connection.deadline))
        connection = _Connection(accepted)
        self._connections.add(connection)
        self._loop.watch(accepted.fileno(), lambda: self._flow(connection))

    def _flow(self, connection: "_Connection") -> None:
        try:
            packets = connection.read()
            connection.write(b"")
        except OSError:
            packets = None
        for packet in packets or ():
            self._handle(packet, True, lambda answer: self._send(connection, answer))
        if packets is None:
            self._drop(connection)
        else:
            self._watch(connection)

    def _send(self, connection: "_Connection", answer: bytes) -> None:
        if connection not in self._connections:
            return
        try:
            connection.write(len(answer).to_bytes(2, "big") + answer)
        except OSError:
            self._drop(connection)
            return
        self._watch(connection)

    def _watch(self, connection: "_Connection") -> None:
        if connection in self._connections:
            events = READ | WRITE if connection.unsent else READ
            self._loop.watch(connection.socket.fileno(), lambda: self._flow(connection), events)

    def _drop(self, connection: "_Connection") -> None:
        self._connections.discard(connection)
        if connection.socket.fileno() >= 0:
            self._loop.forget(connection.socket.fileno())
            connection.socket.close()


class _Connection:
    """Messages with a length before each (RFC 1035, 4.2.2)."""

    __slots__ = ("_received", "deadline", "socket", "unsent")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.unsent = bytearray()
        self.deadline = time.monotonic() + _IDLE_SECONDS
        self._received = bytearray()

    def read(self) -> list[bytes] | None:
        """The messages that are complete, None at the end of the connection. Raises OSError, also where a message is
        too short to be one: thousands fit into one piece, and everything else would wait for them."""
        try:
            piece = self.socket.recv(dns.LARGEST_BYTES)
        except BlockingIOError:
            return []
        if not piece:
            return None
        self.deadline = time.monotonic() + _IDLE_SECONDS
        self._received += piece
        messages, start = [], 0
        while len(self._received) - start >= 2:
            size = int.from_bytes(self._received[start : start + 2], "big")
            if size < dns.HEADER_BYTES:
                raise ConnectionAbortedError("what came is no DNS")
            end = start + 2 + size
            if len(self._received) < end:
                break
            messages.append(bytes(self._received[start + 2 : end]))
            start = end
        # Once for all messages: each time the rest is copied.
        del self._received[:start]
        return messages

    def write(self, data: bytes) -> None:
        """Send now or later. Raises OSError, also when the other side does not read."""
        self.unsent += data
        if len(self.unsent) > _UNSENT_LIMIT_BYTES:
            raise ConnectionAbortedError("answers are not read")
        try:
            while self.unsent:
                del self.unsent[: self.socket.send(self.unsent)]
        except BlockingIOError:
            return
