"""Netlink, the kernel's message protocol for networks: messages, attributes and one small connection.

Raw on purpose: a bridge connection is a dozen messages and takes less than a millisecond, where a library takes 200 ms
to import. What the messages say stands in links.py (routing family) and nfnetlink.py (firewall family).
"""

import errno
import os
import struct
from _socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, socket
from collections.abc import Iterator, Sequence

from sampan.values import NamedTuple

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_DUMP = 1, 4, 0x200, 0x400, 0x100, 0x300
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_CAPPED, _NLM_F_ACK_TLVS, _NLMSGERR_ATTR_MSG = 0x100, 0x200, 1
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 270, 10, 11
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_RECEIVE_BYTES = 1 << 16


class Message(NamedTuple):
    """One message without its sequence number; `body` is the family's header and its attributes."""

    kind: int
    flags: int
    body: bytes


class Reply(NamedTuple):
    kind: int
    body: bytes


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four bytes. Text is given with its NUL where the kernel wants one."""
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute made of attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """A NUL-terminated text attribute."""
    return attribute(kind, value.encode() + b"\0")


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, payload) of each attribute in `data`; a malformed tail ends the iteration."""
    offset = 0
    while offset + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4 or offset + length > len(data):
            return
        yield kind & NLA_TYPE_MASK, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


class Netlink:
    """A connection to the kernel in the network namespace of the thread that made it; it stays in that namespace."""

    __slots__ = ("_protocol", "_sequence", "_socket")

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
        self._socket.bind((0, 0))
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._protocol = protocol
        self._sequence = 0

    def __enter__(self) -> "Netlink":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def detach(self) -> int:
        """Give the descriptor to the caller, who closes it."""
        return self._socket.detach()

    def send(self, messages: Sequence[Message]) -> None:
        """Send all in one datagram and wait for the acknowledgement of each that asks for one (NLM_F_ACK).

        Of the routing family the messages after a failed one are still carried out; a transaction of the firewall
        family is all or nothing. Raises OSError for the first that failed.
        """
        waiting = self._write(messages)
        failure: OSError | None = None
        while waiting:
            for kind, flags, sequence, body in self._read():
                if kind == _NLMSG_ERROR and sequence in waiting:
                    waiting.discard(sequence)
                    failure = failure or _failure(flags, body)
                    if failure is not None and self._protocol == NETLINK_NETFILTER:
                        raise failure  # a transaction that failed acknowledges nothing else
        if failure is not None:
            raise failure

    def request(self, message: Message) -> list[Reply]:
        """The replies to a query: all parts of a dump, or the one object. Raises OSError."""
        self._write([message])
        sequence, replies = self._sequence, list[Reply]()
        is_dump = message.flags & NLM_F_DUMP == NLM_F_DUMP
        while True:
            for kind, flags, number, body in self._read():
                if number != sequence:
                    continue
                if kind == _NLMSG_DONE:
                    return replies
                if kind == _NLMSG_ERROR:
                    failure = _failure(flags, body)
                    if failure is not None:
                        raise failure
                    return replies
                replies.append(Reply(kind, body))
                if not is_dump:
                    return replies

    def _write(self, messages: Sequence[Message]) -> set[int]:
        parts: list[bytes] = []
        waiting: set[int] = set()
        for message in messages:
            self._sequence += 1
            if message.flags & NLM_F_ACK:
                waiting.add(self._sequence)
            length = _HEADER.size + len(message.body)
            parts += (
                _HEADER.pack(length, message.kind, message.flags | NLM_F_REQUEST, self._sequence, 0),
                message.body,
            )
        self._socket.send(b"".join(parts))
        return waiting

    def _read(self) -> Iterator[tuple[int, int, int, bytes]]:
        data = self._socket.recv(_RECEIVE_BYTES)
        offset = 0
        while offset + _HEADER.size <= len(data):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
            if length < _HEADER.size:
                raise OSError(errno.EBADMSG, "malformed netlink message")
            yield kind, flags, sequence, data[offset + _HEADER.size : offset + length]
            offset += (length + 3) & ~3


def _failure(flags: int, body: bytes) -> OSError | None:
    number = -int(struct.unpack_from("=i", body)[0])
    if number == 0:
        return None
    reason = os.strerror(number)
    if flags & _NLM_F_ACK_TLVS:
        # The header of the refused message comes first; its body too, unless the reply is capped.
        skipped = 4 + _HEADER.size
        if not flags & _NLM_F_CAPPED:
            skipped = 4 + ((int(struct.unpack_from("=I", body, 4)[0]) + 3) & ~3)
        for kind, payload in attributes(body[skipped:]):
            if kind == _NLMSGERR_ATTR_MSG:
                reason += ": " + payload.rstrip(b"\0").decode(errors="replace")
    return OSError(number, reason)
