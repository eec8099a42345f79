"""DNS messages, as far as a resolver between containers and name servers needs them (RFC 1035, 6891). Pure.

Only the header, the one question and the marks of EDNS are ever read; what a name server answers is passed on byte for
byte. So there is no name to decompress and no record to misread: a pointer in a question is malformed.
"""

import struct

from sampan.values import NamedTuple

A, PTR, AAAA, ANY = 1, 12, 28, 255
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NAME_ERROR, NOT_IMPLEMENTED = range(5)
IN = 1
TTL_SECONDS = 600
PLAIN_LIMIT_BYTES = 512
EDNS_LIMIT_BYTES = 1232
LARGEST_BYTES = 65535

_HEADER = struct.Struct(">6H")
HEADER_BYTES = _HEADER.size
_RESPONSE, _OPCODE, _AUTHORITATIVE, _TRUNCATED, _WANTED, _AVAILABLE = 0x8000, 0x7800, 0x0400, 0x0200, 0x0100, 0x0080
_OPT = 41
_POINTER_TO_QUESTION = 0xC000 | _HEADER.size


class Malformed(Exception):
    """A packet that is no query; `identity` is to be answered with FORMAT_ERROR, None to be passed over."""

    def __init__(self, identity: int | None) -> None:
        super().__init__("malformed query")
        self.identity = identity


class Query(NamedTuple):
    """A question. `name` is lower case without the last dot; `question` its bytes as they came.

    `limit_bytes` is the longest answer that the asker takes in a datagram.
    """

    identity: int
    flags: int
    name: str
    kind: int
    kind_class: int
    question: bytes
    has_edns: bool = False
    limit_bytes: int = PLAIN_LIMIT_BYTES

    @property
    def is_standard(self) -> bool:
        """Opcode QUERY: updates and notifications are not for us."""
        return not self.flags & _OPCODE


def parse_query(packet: bytes) -> Query:
    """Read a query. Raises Malformed, and nothing else, whatever the bytes are."""
    if len(packet) < _HEADER.size:
        raise Malformed(None)
    identity, flags, questions, answers, authorities, additional = _HEADER.unpack_from(packet)
    if flags & _RESPONSE:
        raise Malformed(None)
    if questions != 1 or answers or authorities:
        raise Malformed(identity)
    name, end = _question_name(packet, identity)
    if end + 4 > len(packet):
        raise Malformed(identity)
    kind, kind_class = struct.unpack_from(">2H", packet, end)
    size = _edns_size(packet, end + 4, additional)
    return Query(
        identity, flags, name, kind, kind_class, packet[_HEADER.size : end + 4],
        size is not None, max(PLAIN_LIMIT_BYTES, min(size or 0, EDNS_LIMIT_BYTES)),
    )  # fmt: skip


def _question_name(packet: bytes, identity: int) -> tuple[str, int]:
    labels: list[str] = []
    at = _HEADER.size
    while at < len(packet):
        length = packet[at]
        at += 1
        if length == 0:
            return ".".join(labels), at
        if length > 63 or at + length > len(packet) or at + length - _HEADER.size > 254:
            break
        labels.append(packet[at : at + length].decode("latin-1").lower())
        at += length
    raise Malformed(identity)


def _edns_size(packet: bytes, at: int, additional: int) -> int | None:
    """The size that an OPT record tells when it comes first behind the question, as clients send it."""
    if not additional or at + 11 > len(packet) or packet[at] != 0:
        return None
    kind, size = struct.unpack_from(">2H", packet, at + 1)
    return int(size) if kind == _OPT else None


def failure(query: Query, code: int) -> bytes:
    """An answer without records; NO_ERROR says that the name has none of this kind."""
    return _response(query, code, [], [], LARGEST_BYTES)


def format_error(identity: int) -> bytes:
    return _HEADER.pack(identity, _RESPONSE | FORMAT_ERROR, 0, 0, 0, 0)


def addresses(query: Query, found: list[bytes], limit_bytes: int) -> bytes:
    """The answer with addresses of the kind that was asked for, 4 or 16 bytes each; cut (TC) when it is too long."""
    return _response(query, NO_ERROR, found, [], limit_bytes)


def pointers(query: Query, names: list[str], limit_bytes: int) -> bytes:
    """The answer to a PTR question."""
    return _response(query, NO_ERROR, [], names, limit_bytes)


def _response(query: Query, code: int, found: list[bytes], names: list[str], limit_bytes: int) -> bytes:
    flags = _RESPONSE | _AVAILABLE | query.flags & (_OPCODE | _WANTED) | code
    payloads = found or [encode_name(name) for name in names]
    option = b"\0" + struct.pack(">2HIH", _OPT, EDNS_LIMIT_BYTES, 0, 0) if query.has_edns else b""
    room = limit_bytes - _HEADER.size - len(query.question) - len(option)
    records: list[bytes] = []
    for payload in payloads:
        record = struct.pack(">3HIH", _POINTER_TO_QUESTION, query.kind, IN, TTL_SECONDS, len(payload)) + payload
        if len(record) > room:
            flags |= _TRUNCATED
            break
        room -= len(record)
        records.append(record)
    header = _HEADER.pack(query.identity, flags, 1, len(records), 0, 1 if option else 0)
    return b"".join((header, query.question, *records, option))


def encode_name(name: str) -> bytes:
    """A name on the wire; labels that are too long are cut."""
    labels = [label.encode("latin-1", "replace")[:63] for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def with_identity(packet: bytes, identity: int) -> bytes:
    """The message with another id."""
    return struct.pack(">H", identity) + packet[2:]


def is_answer(packet: bytes, identity: int, question: bytes) -> bool:
    """Whether a packet answers the question that was sent under `identity`: what a guesser cannot know must fit.

    A server that failed may leave the question out.
    """
    if len(packet) < _HEADER.size:
        return False
    got, flags, questions, *_ = _HEADER.unpack_from(packet)
    if got != identity or not flags & _RESPONSE:
        return False
    if questions == 0:
        return flags & 0xF in (FORMAT_ERROR, SERVER_FAILURE, NOT_IMPLEMENTED)
    start = _HEADER.size
    return questions == 1 and packet[start : start + len(question)].lower() == question.lower()


def is_refused(packet: bytes) -> bool:
    """Whether a name server says that it cannot tell, so that the next one may be asked."""
    return packet[3] & 0xF in (SERVER_FAILURE, NOT_IMPLEMENTED, 5)
