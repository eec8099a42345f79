"""The name server of a container over TCP: messages with a length before each."""

import socket
from collections.abc import Iterator

import pytest

from sampan.engine.supervision.loop import Loop
from sampan.engine.supervision.serving import Server
from sampan.networks import dns

QUESTION = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0" + b"\x03web\0\0\x01\0\x01"


class Asked:
    """A server on loopback, a client that is connected to it, and the packets that it was asked."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.loop = Loop()
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(("127.0.0.1", 0))
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        self.server = Server(self.loop, (datagrams.detach(), listener.detach()), self._handle)
        self.client = socket.create_connection(address, 5.0)
        self.loop.wait(5.0)  # accepts

    def send(self, data: bytes) -> None:
        self.client.sendall(data)
        self.loop.wait(5.0)

    def _handle(self, query: dns.Query, packet: bytes, stream: bool, reply: object) -> None:
        self.packets.append(packet)


@pytest.fixture
def asked() -> Iterator[Asked]:
    opened = Asked()
    yield opened
    opened.client.close()
    opened.server.close()
    opened.loop.close()


def framed(packet: bytes) -> bytes:
    return len(packet).to_bytes(2, "big") + packet


def test_messages_come_whole_however_they_are_cut(asked: Asked) -> None:
    stream = framed(QUESTION) * 3
    for piece in (stream[:1], stream[1:30], stream[30:]):
        asked.send(piece)
    assert asked.packets == [QUESTION] * 3


def test_a_connection_that_sends_no_dns_is_closed(asked: Asked) -> None:
    asked.send(b"\0\0" * 1000)
    assert asked.packets == []
    assert asked.client.recv(1) == b""
