"""What a registry is kept in: named pieces of bytes, in a folder (`directory`) or in an object store (`objects`).

Keys are checked by `layout`. All calls block, and any thread may make them; several processes, or hosts, may work on
one medium at the same time.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sampan.values import NamedTuple


class Entry(NamedTuple):
    """A piece: its size, and when it was last written or touched (seconds since 1970)."""

    size_bytes: int
    modified: float


class Appending(Protocol):
    """An upload that is being written to; `close` keeps what has come."""

    def write(self, parts: Sequence[bytes]) -> None: ...

    def close(self) -> None: ...


class Sealed(Protocol):
    """An upload that nobody else changes any more."""

    def chunks(self) -> Iterator[bytes]:
        """All of it, to compute its digest. To be read to the end, and once."""

    def complete(self, key: str) -> None:
        """Make it the piece `key`, durably; the upload's bytes are gone."""


class Medium(Protocol):
    has_one_writer: bool
    """Whether what has come of an upload stays as it is, since only one at a time can append to it."""

    def read(self, key: str) -> bytes | None:
        """The whole of a small piece; None when there is none."""

    def look(self, key: str) -> Entry | None: ...

    def write(self, key: str, data: bytes, *, is_durable: bool = True) -> None:
        """Put or replace a small piece: readers see the old one or the whole of it. Durable before the return."""

    def touch(self, key: str) -> bool:
        """Set the time of a piece to this moment; False when there is none."""

    def remove(self, key: str) -> None:
        """Remove a piece; none is as well."""

    def names(self, folder: str) -> list[str]:
        """The names of pieces and folders right below `folder`, sorted; [] when there is no such folder."""

    def sizes(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """Name and entry of the pieces right below `folder`, in no order."""

    def chunks(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """`length` bytes from `start`. Raises FileNotFoundError."""

    def path(self, key: str) -> str | None:
        """The file that holds the piece, where there is one to send from."""

    def lock(self, name: str, *, waits: bool = True) -> AbstractContextManager[bool]:
        """Keep everybody else who locks `name` out; False when another has it and `waits` is false."""

    def begin(self, folder: str) -> None:
        """Make an upload."""

    def uploaded(self, folder: str) -> Entry | None:
        """How much of an upload there is, and when it last grew; None when there is no such upload."""

    def append(self, folder: str, offset: int) -> Appending:
        """Write on at `offset`, which is the end.

        Raises BlockingIOError when another is writing, FileNotFoundError when there is no such upload.
        """

    def sealed(self, folder: str) -> AbstractContextManager[Sealed]:
        """Keep an upload as it is, from its digest's check until it is a piece.

        Raises BlockingIOError when another is writing, FileNotFoundError when there is no such upload.
        """

    def drop(self, folder: str) -> None:
        """Remove an upload, and all that is in its folder."""

    def tidy(self, older_than_seconds: float) -> None:
        """Remove what processes that were killed left half written, once it is so old."""
