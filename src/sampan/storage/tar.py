"""The tar format: headers made in one deterministic way, and a reader that trusts nothing it is given.

Written is ustar with PAX records where a value does not fit (pax(1), "ustar Interchange Format"). Read are ustar, PAX,
GNU long names, GNU base-256 numbers and the four kinds of GNU sparse files. No file system here: see layers.py.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from sampan.errors import Corrupt

BLOCK = 512
END = bytes(2 * BLOCK)
REGULAR, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_KNOWN = frozenset((REGULAR, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO))
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK, _GNU_SPARSE, _CONTIGUOUS = b"x", b"g", b"L", b"K", b"S", b"7"
_CHUNK = 1 << 20
_SMALL, _LARGE = 0o7777777, 0o77777777777  # the largest numbers of the 7 and 11 digit fields
_XATTR = "SCHILY.xattr."


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Hash(Protocol):
    def update(self, data: bytes, /) -> object: ...

    def hexdigest(self) -> str: ...


class Tape(Protocol):
    """What keeps an archive's bytes other than the data of files (storage/recipes.py)."""

    def literal(self, data: bytes, /) -> object: ...


class Limits(NamedTuple):
    """What an archive may ask for at most; more is Corrupt."""

    members: int = 1_000_000
    name_bytes: int = 4096
    header_bytes: int = 1 << 20  # of one PAX or long-name header
    bytes: int = 1 << 38  # of the archive, and of the files in it with their holes filled


DEFAULT_LIMITS = Limits()


class Member(NamedTuple):
    """One member. `name` and `link` are as written; undecodable bytes are surrogates. `size` is the file's, in bytes.

    `extents` are (offset, length) of a sparse file's data in the order in which they are stored; None: all of it.
    """

    name: str
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    link: str = ""
    major: int = 0
    minor: int = 0
    xattrs: Mapping[str, bytes] = {}
    extents: tuple[tuple[int, int], ...] | None = None


def header(
    name: bytes,
    kind: bytes,
    *,
    mode: int,
    uid: int = 0,
    gid: int = 0,
    size: int = 0,
    mtime: int = 0,
    link: bytes = b"",
    major: int = 0,
    minor: int = 0,
    xattrs: Mapping[str, bytes] = {},
    extra: Mapping[str, bytes] = {},
) -> bytes:
    """The blocks that stand before a member's data. `mtime` in whole seconds; a folder's name ends with a slash.

    `extra` are PAX records of the caller's, such as an mtime with its fraction.
    """
    prefix, records = b"", dict(extra)
    for key, value in xattrs.items():
        records[_XATTR + key] = value
    if len(name) > 100 or not name.isascii():
        prefix, name = _split(name)
        if not name:
            records["path"] = name = prefix
            prefix = b""
    if len(link) > 100 or not link.isascii():
        records["linkpath"] = link
    if uid > _SMALL or gid > _SMALL or size > _LARGE or not 0 <= mtime <= _LARGE:
        records = {**_large_numbers(uid, gid, size, mtime), **records}
    plain = _plain_header(name, kind, mode, uid, gid, size, mtime, link, major, minor, prefix)
    if not records:
        return plain
    body = b"".join(_record(key.encode(), records[key]) for key in sorted(records))
    extended = _plain_header(b"PaxHeaders/" + name.rstrip(b"/").rpartition(b"/")[2], _PAX, 0, 0, 0, len(body), 0)
    return extended + padded(body) + plain


def _large_numbers(uid: int, gid: int, size: int, mtime: int) -> dict[str, bytes]:
    fields = (("uid", uid, _SMALL), ("gid", gid, _SMALL), ("size", size, _LARGE), ("mtime", mtime, _LARGE))
    return {key: b"%d" % number for key, number, largest in fields if not 0 <= number <= largest}


def padded(data: bytes) -> bytes:
    """`data` filled with zeros to whole blocks."""
    return data + bytes(-len(data) % BLOCK)


def _split(name: bytes) -> tuple[bytes, bytes]:
    """(prefix, name) of a long name; (name, b"") when it needs a PAX record."""
    if len(name) <= 256 and name.isascii():
        cut = name.find(b"/", max(len(name) - 101, 1), 156)
        if 0 < cut < len(name) - 1:
            return name[:cut], name[cut + 1 :]
    return name, b""


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length = len(b"%d" % length) + len(body)
    return b"%d" % length + body


def _plain_header(
    name: bytes,
    kind: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    link: bytes = b"",
    major: int = 0,
    minor: int = 0,
    prefix: bytes = b"",
) -> bytes:
    block = b"".join(
        (
            name[:100].ljust(100, b"\0"),
            b"%07o\0%07o\0%07o\0" % (mode, uid if 0 <= uid <= _SMALL else 0, gid if 0 <= gid <= _SMALL else 0),
            b"%011o\0%011o\0" % (size if size <= _LARGE else 0, mtime if 0 <= mtime <= _LARGE else 0),
            b"        ",
            kind,
            link[:100].ljust(100, b"\0"),
            b"ustar\x0000".ljust(72, b"\0"),
            b"%07o\0%07o\0" % (major & _SMALL, minor & _SMALL),
            prefix.ljust(167, b"\0"),
        )
    )
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


def is_header(block: bytes) -> bool:
    """Whether a block of 512 bytes begins a tar: a header whose checksum fits, or the end of an archive."""
    digits = block[148:156].partition(b"\0")[0].strip(b" ")
    if len(block) < BLOCK or not digits or digits.translate(None, b"01234567"):
        return len(block) == BLOCK and not block.strip(b"\0")
    stored, total = int(digits, 8), sum(block) - sum(block[148:156]) + 8 * 32
    # Some old writers summed signed characters.
    return stored == total or stored == total - 256 * sum(1 for byte in block[:148] + block[156:] if byte > 127)


class Archive:
    """Reads an archive's members one after the other, in one pass; hashes all of its bytes.

    Iterate, and call data() or extents' data() of the current member before the next one; data that are not asked for
    are skipped. Damage of any kind is Corrupt, with the member named. A `tape` gets every byte, in order, that data()
    does not give. `hasher` makes what hashes; None: nothing is hashed.
    """

    def __init__(
        self,
        stream: Readable,
        limits: Limits = DEFAULT_LIMITS,
        tape: Tape | None = None,
        hasher: Callable[[], Hash] | None = hashlib.sha256,
    ) -> None:
        self._stream, self._limits, self._tape = stream, limits, tape
        self._digest = hasher() if hasher is not None else None
        self._buffer, self._position, self._total = b"", 0, 0
        self._left = 0  # bytes of the current member that were not read
        self._padding = 0
        self._where = ""

    def __iter__(self) -> Iterator[Member]:
        count, logical = 0, 0
        while True:
            self._skip(self._left + self._padding)
            self._left = self._padding = 0
            member = self._next()
            if member is None:
                return
            count, logical = count + 1, logical + member.size
            if count > self._limits.members:
                raise Corrupt(f"the archive has more than {self._limits.members} members")
            if logical > self._limits.bytes:
                raise Corrupt(f"the archive's files are larger than {self._limits.bytes} bytes, at {member.name!r}")
            yield member

    def data(self) -> Iterator[bytes]:
        """What is stored of the current member that was not read yet, in pieces."""
        while self._left:
            if self._position == len(self._buffer):
                self._fill()
            piece = self._buffer[self._position : self._position + min(self._left, _CHUNK)]
            self._position += len(piece)
            self._left -= len(piece)
            yield piece

    def finish(self) -> str:
        """Read what follows the last member and return "sha256:..." of the whole archive."""
        self._skip(len(self._buffer) - self._position)
        while self._more():
            self._skip(len(self._buffer))
        return "sha256:" + self._digest.hexdigest() if self._digest is not None else ""

    def _more(self) -> bool:
        chunk = self._stream.read(_CHUNK)
        if not chunk:
            return False
        if self._digest is not None:
            self._digest.update(chunk)
        self._total += len(chunk)
        if self._total > self._limits.bytes:
            raise Corrupt(f"the archive is larger than {self._limits.bytes} bytes")
        self._buffer = self._buffer[self._position :] + chunk
        self._position = 0
        return True

    def _fill(self) -> None:
        if not self._more():
            where = f" in {self._where!r}" if self._where else ""
            raise Corrupt(f"unexpected EOF{where}", hint="the archive is cut short, or is not a tar archive")

    def _take(self, count: int) -> bytes:
        while len(self._buffer) - self._position < count:
            self._fill()
        self._position += count
        taken = self._buffer[self._position - count : self._position]
        if self._tape is not None:
            self._tape.literal(taken)
        return taken

    def _skip(self, count: int) -> None:
        while count:
            if self._position == len(self._buffer):
                self._fill()
            step = min(count, len(self._buffer) - self._position)
            if self._tape is not None:
                self._tape.literal(self._buffer[self._position : self._position + step])
            self._position += step
            count -= step

    def _next(self) -> Member | None:
        records: dict[str, bytes] = {}
        sparse_map: list[bytes] = []
        while True:
            # An archive may also end without its two empty blocks.
            if self._position == len(self._buffer) and not self._more():
                return None
            block = self._take(BLOCK)
            if block == END[:BLOCK]:
                return None
            self._verify(block)
            kind, size = block[156:157], self._number(block[124:136])
            if kind == _PAX:
                records, sparse_map = self._records(self._extra(size))
            elif kind == _PAX_GLOBAL:
                self._extra(size)
            elif kind == _GNU_NAME:
                records["path"] = self._extra(size).partition(b"\0")[0]
            elif kind == _GNU_LINK:
                records["linkpath"] = self._extra(size).partition(b"\0")[0]
            else:
                return self._member(block, records, sparse_map)

    def _verify(self, block: bytes) -> None:
        if not is_header(block):
            after = f" after {self._where!r}" if self._where else ""
            raise Corrupt(f"archive/tar: invalid tar header{after}", hint="this is no tar archive, or a damaged one")

    def _extra(self, size: int) -> bytes:
        if not 0 <= size <= self._limits.header_bytes:
            raise Corrupt(f"archive/tar: an extended header of {size} bytes after {self._where!r} is too large")
        data = self._take(size)
        self._skip(-size % BLOCK)
        return data

    def _records(self, data: bytes) -> tuple[dict[str, bytes], list[bytes]]:
        """PAX records, and the values of a sparse 0.0 map, whose keys repeat, in order."""
        records: dict[str, bytes] = {}
        repeated: list[bytes] = []
        position = 0
        while position < len(data):
            space = data.find(b" ", position, position + 20)
            length = data[position:space]
            end = position + int(length) if space > 0 and length.isdigit() else 0
            key, equals, value = data[space + 1 : end - 1].partition(b"=")
            if end <= space + 1 or end > len(data) or data[end - 1] != 10 or not equals:
                raise Corrupt(f"archive/tar: a malformed PAX record after {self._where!r}")
            name = key.decode("utf-8", "surrogateescape")
            if name in ("GNU.sparse.offset", "GNU.sparse.numbytes"):
                repeated.append(value)
            records[name] = value
            position = end
        return records, repeated

    def _number(self, field: bytes) -> int:
        """A header's number: octal digits, or GNU's base 256, which the first bit tells."""
        if field[0] & 0x80:
            value = int.from_bytes(field, "big", signed=field[0] == 0xFF)
            return value if value < 0 else value & ~(0x80 << (8 * (len(field) - 1)))
        digits = field.partition(b"\0")[0].strip(b" ")
        if digits.translate(None, b"01234567"):
            raise Corrupt(f"archive/tar: a malformed number after {self._where!r}", hint="this is no tar archive")
        return int(digits, 8) if digits else 0

    def _decimal(self, value: bytes) -> int:
        if not value.isdigit() or len(value) > 20:
            raise Corrupt(f"archive/tar: a malformed number in {self._where!r}")
        return int(value)

    def _text(self, value: bytes) -> str:
        if len(value) > self._limits.name_bytes:
            raise Corrupt(f"archive/tar: a name of {len(value)} bytes after {self._where!r} is too long")
        if b"\0" in value:
            raise Corrupt(f"archive/tar: a name with a NUL byte after {self._where!r}")
        return value.decode("utf-8", "surrogateescape")

    def _member(self, block: bytes, records: dict[str, bytes], sparse_map: list[bytes]) -> Member:
        name = block[:100].partition(b"\0")[0]
        if block[257:263] == b"ustar\0" and block[345]:
            name = block[345:500].partition(b"\0")[0] + b"/" + name
        self._where = text = self._text(records.get("GNU.sparse.name", records.get("path", name)))
        kind = block[156:157]
        if kind == b"\0":
            kind = DIRECTORY if text.endswith("/") else REGULAR
        elif kind == _CONTIGUOUS:
            kind = REGULAR
        stored = self._decimal(records["size"]) if "size" in records else self._number(block[124:136])
        if kind != _GNU_SPARSE and kind not in _KNOWN:
            raise Corrupt(f"unhandled tar header type {kind[0]} of {text!r}")
        size, extents = 0, None
        if kind in (REGULAR, _GNU_SPARSE):
            if stored < 0:
                raise Corrupt(f"archive/tar: {text!r} has a negative size")
            self._left, self._padding = stored, -stored % BLOCK
            size, extents = self._extents(block, kind, stored, records, sparse_map)
        return Member(
            name=text,
            kind=REGULAR if kind == _GNU_SPARSE else kind,
            mode=self._number(block[100:108]) & 0o7777,
            uid=self._identity(records.get("uid"), block[108:116]),
            gid=self._identity(records.get("gid"), block[116:124]),
            size=size,
            mtime_ns=self._time(records.get("mtime"), block[136:148]),
            link=self._text(records.get("linkpath", block[157:257].partition(b"\0")[0])),
            major=self._number(block[329:337]) if kind in (CHARACTER, BLOCK_DEVICE) else 0,
            minor=self._number(block[337:345]) if kind in (CHARACTER, BLOCK_DEVICE) else 0,
            xattrs={key[len(_XATTR) :]: value for key, value in records.items() if key.startswith(_XATTR)},
            extents=extents,
        )

    def _identity(self, record: bytes | None, field: bytes) -> int:
        value = self._number(field) if record is None else self._decimal(record)
        if not 0 <= value < 0xFFFFFFFF:
            raise Corrupt(f"archive/tar: {self._where!r} belongs to an impossible user or group {value}")
        return value

    def _time(self, record: bytes | None, field: bytes) -> int:
        """Nanoseconds since the epoch; what the kernel could not hold is 0, as in Docker."""
        if record is None:
            value = self._number(field) * 10**9
        else:
            whole, _, fraction = record.partition(b".")
            digits = whole.removeprefix(b"-")
            if not digits.isdigit() or len(digits) > 20 or (fraction and not fraction.isdigit()):
                raise Corrupt(f"archive/tar: {self._where!r} has a malformed time")
            value = int(digits) * 10**9 + int((fraction[:9] or b"0").ljust(9, b"0"))
            value = -value if whole.startswith(b"-") else value
        return value if 0 <= value < 1 << 63 else 0

    def _extents(
        self, block: bytes, kind: bytes, stored: int, records: dict[str, bytes], sparse_map: list[bytes]
    ) -> tuple[int, tuple[tuple[int, int], ...] | None]:
        """(size, data map) of a regular file in any of the four ways in which GNU tar writes sparse ones."""
        if kind == _GNU_SPARSE:
            numbers = self._old_map(block)
            size = self._number(block[483:495])
        elif records.get("GNU.sparse.major") == b"1":
            size = self._decimal(records.get("GNU.sparse.realsize", b""))
            numbers = self._leading_map()
        elif "GNU.sparse.size" in records:
            size = self._decimal(records["GNU.sparse.size"])
            text = records["GNU.sparse.map"].split(b",") if records.get("GNU.sparse.map") else sparse_map
            numbers = [self._decimal(value) for value in text]
        else:
            return stored, None
        pairs = tuple(zip(numbers[::2], numbers[1::2], strict=False))
        position = 0
        for offset, length in pairs:
            if offset < position or length < 0 or offset + length > size:
                raise Corrupt(f"archive/tar: {self._where!r} has a malformed sparse map")
            position = offset + length
        if len(numbers) % 2 or sum(length for _, length in pairs) != self._left:
            raise Corrupt(f"archive/tar: {self._where!r} has a malformed sparse map")
        return size, pairs

    def _old_map(self, block: bytes) -> list[int]:
        numbers = self._map_entries(block[386:482])
        extended = block[482]
        while extended:
            if len(numbers) > self._limits.header_bytes // 8:
                raise Corrupt(f"archive/tar: {self._where!r} has too large a sparse map")
            following = self._take(BLOCK)
            numbers += self._map_entries(following[:504])
            extended = following[504]
        return numbers

    def _map_entries(self, data: bytes) -> list[int]:
        numbers: list[int] = []
        for start in range(0, len(data), 24):
            if not data[start]:
                break
            numbers += (self._number(data[start : start + 12]), self._number(data[start + 12 : start + 24]))
        return numbers

    def _leading_map(self) -> list[int]:
        """The map that stands before the data, as lines, in whole blocks (sparse format 1.0)."""
        text = b""
        wanted = 1
        while True:
            if self._left < BLOCK or len(text) > self._limits.header_bytes:
                raise Corrupt(f"archive/tar: {self._where!r} has a malformed sparse map")
            text += self._take(BLOCK)
            self._left -= BLOCK
            lines = text.split(b"\n")
            if len(lines) > 1:
                wanted = 1 + 2 * self._decimal(lines[0])
            if len(lines) > wanted:
                return [self._decimal(line) for line in lines[1:wanted]]


def seconds(time_ns: int) -> bytes:
    """A PAX time: seconds with as much of a fraction as is needed."""
    whole, rest = divmod(time_ns, 10**9)
    if whole < 0 and rest:  # -1.25 is 1.25 s before the epoch, and not 0.75
        whole, rest = whole + 1, 10**9 - rest
        return b"-%d.%s" % (-whole, (b"%09d" % rest).rstrip(b"0"))
    return b"%d.%s" % (whole, (b"%09d" % rest).rstrip(b"0")) if rest else b"%d" % whole


def sparse_map(extents: Sequence[tuple[int, int]]) -> bytes:
    """The blocks that stand before the data of a sparse file of GNU format 1.0; extents are (offset, length)."""
    numbers = [len(extents), *(number for extent in extents for number in extent)]
    return padded(b"".join(b"%d\n" % number for number in numbers))
