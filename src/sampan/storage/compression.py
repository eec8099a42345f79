"""Compressed streams: what they are is told by their first bytes, never by a name."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from sampan.errors import Corrupt
from sampan.storage.tar import Readable

if TYPE_CHECKING:
    import lzma

    import zstandard

_CHUNK = 1 << 18


class Limits(NamedTuple):
    """A bomb is more than `ratio` bytes for each compressed one, once `free_bytes` came out; or more than `bytes`."""

    bytes: int = 1 << 38
    ratio: int = 2000
    free_bytes: int = 1 << 28


DEFAULT_LIMITS = Limits()


def open_decompressed(stream: Readable, *, limits: Limits = DEFAULT_LIMITS) -> Readable:
    """A stream of the plain bytes of a gzip, bzip2, xz, zstd or plain stream.

    Its read() raises Corrupt where the data are damaged, cut short, or a bomb.
    """
    head = b""
    while len(head) < 6 and (piece := stream.read(6 - len(head))):
        head += piece
    source = _Counted(head, stream)
    for magic, name, opener in _FORMATS:
        if head.startswith(magic):
            return _Decompressed(name, opener(cast(BinaryIO, source)), source, limits)
    return source


class _Counted(io.RawIOBase):
    """The compressed stream with its first bytes put back; counts what was taken from it."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        size = _CHUNK if size < 0 else size
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
        else:
            piece = self._stream.read(size)
        self.count += len(piece)
        return piece

    def readinto(self, target: object, /) -> int:
        view = memoryview(target).cast("B")  # type: ignore[arg-type]
        piece = self.read(len(view))
        view[: len(piece)] = piece
        return len(piece)


class _Decompressed:
    def __init__(self, name: str, opened: "_Opened", source: _Counted, limits: Limits) -> None:
        self._name, self._source, self._limits = name, source, limits
        self._plain, self._damage = opened
        self._total = 0

    def read(self, size: int, /) -> bytes:
        try:
            piece = self._plain.read(size)
        except (EOFError, OSError, self._damage) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the kernel's, about what is beneath
            raise self._damaged(str(error)) from error
        self._total += len(piece)
        allowed = min(max(self._limits.free_bytes, self._source.count * self._limits.ratio), self._limits.bytes)
        if self._total > allowed:
            raise Corrupt(
                f"the {self._name} stream unpacks to more than {allowed} bytes from {self._source.count}: it looks"
                " like a bomb",
                hint="unpack it by hand, and use the plain tar, if it is meant to be so",
            )
        return piece

    def _damaged(self, reason: str) -> Corrupt:
        return Corrupt(f"unexpected EOF: the {self._name} stream is damaged or cut short: {reason}")


_Opened = tuple[Readable, type[Exception]]


def _gzip(source: BinaryIO) -> _Opened:
    from isal import igzip, isal_zlib

    # isal's types are thinner than what it does.
    plain = igzip.GzipFile(fileobj=source, mode="rb")  # type: ignore[no-untyped-call]
    return cast(Readable, plain), cast("type[Exception]", isal_zlib.error)


def _bzip2(source: BinaryIO) -> _Opened:
    import bz2

    return bz2.BZ2File(source), ValueError


def _xz(source: BinaryIO) -> _Opened:
    import lzma

    return _XzStream(source), lzma.LZMAError


class _XzStream:
    """Streams of xz one after the other, in bounded memory: a few bytes may ask for a dictionary of 4 GiB."""

    _MEMORY = 1 << 27  # what xz -9 needs is 65 MiB
    _PIECE = 1 << 16

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._stream = self._new_stream()
        self._inside = False

    def _new_stream(self) -> "lzma.LZMADecompressor":
        import lzma

        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=self._MEMORY)

    def read(self, size: int, /) -> bytes:
        rest = b""
        while True:
            if self._stream.eof:
                # Between streams there may be zeros, to a multiple of four bytes.
                rest = self._stream.unused_data.lstrip(b"\0") or self._source.read(self._PIECE).lstrip(b"\0")
                self._stream, self._inside = self._new_stream(), False
                if not rest:
                    return b""
            if self._stream.needs_input and not rest:
                rest = self._source.read(self._PIECE)
                if not rest:
                    if self._inside:
                        raise EOFError("the last stream has no end")
                    return b""
            self._inside = True
            plain, rest = self._stream.decompress(rest, size), b""
            if plain:
                return plain


def _zstd(source: BinaryIO) -> _Opened:
    import zstandard

    return _ZstdStream(source), zstandard.ZstdError


class _ZstdStream:
    """Frames of zstd one after the other. The library's own stream reader takes a cut stream for a whole one."""

    # One block of 4 bytes may stand for 128 KB: what is fed at once bounds the memory that a bomb can take.
    _PIECE = 2048

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._frame = self._new_frame()
        self._inside = False
        self._rest, self._plain = b"", b""

    @staticmethod
    def _new_frame() -> "zstandard.ZstdDecompressionObj":
        import zstandard

        # A window of 128 MB is what `zstd --long` asks for; more would let a few bytes take that much memory.
        return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()

    def read(self, size: int, /) -> bytes:
        while not self._plain:
            piece = self._rest or self._source.read(self._PIECE)
            if not piece:
                if self._inside:
                    raise EOFError("the last frame has no end")
                return b""
            self._inside = True
            self._plain, self._rest = self._frame.decompress(piece), b""
            if self._frame.eof:
                self._rest, self._frame, self._inside = self._frame.unused_data, self._new_frame(), False
        piece, self._plain = self._plain[:size], self._plain[size:]
        return piece


_FORMATS: tuple[tuple[bytes, str, Callable[[BinaryIO], _Opened]], ...] = (
    (b"\x1f\x8b", "gzip", _gzip),
    (b"BZh", "bzip2", _bzip2),
    (b"\xfd7zXZ\x00", "xz", _xz),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd),
)
