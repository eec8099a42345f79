"""Ranges of bytes: of a blob that is read (RFC 9110, section 14), of an upload that goes on (pure)."""

import re

from sampan.registry.server.problems import problem

_CONTENT_RANGE = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_RANGE = re.compile(r"bytes=\s*([0-9]{0,20})-([0-9]{0,20})\s*")


def part_of(header: str, size_bytes: int) -> tuple[int, int] | None:
    """First byte and number of bytes that a Range asks for; None when the whole is to be sent.

    Several ranges, and other units, may be ignored. Raises BLOB_UNKNOWN's neighbour of status 416 for one that holds
    nothing of the blob.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match[0].strip() == "bytes=-":
        return None if "," in header or not header.startswith("bytes=") else _unsatisfiable(size_bytes)
    if not match[1]:
        length = min(int(match[2]), size_bytes)
        return (size_bytes - length, length) if length else _unsatisfiable(size_bytes)
    first = int(match[1])
    last = min(int(match[2]), size_bytes - 1) if match[2] else size_bytes - 1
    if first >= size_bytes or (match[2] and int(match[2]) < first):
        return _unsatisfiable(size_bytes)
    return first, last - first + 1


def _unsatisfiable(size_bytes: int) -> tuple[int, int]:
    raise problem(
        "SIZE_INVALID", "the range holds nothing", status=416, headers={"Content-Range": f"bytes */{size_bytes}"}
    )


def next_part(header: str, offset: int, length: int | None) -> int | None:
    """How many bytes a chunk has, by its Content-Range; None when it does not say.

    Raises BLOB_UPLOAD_INVALID (416) for a chunk that does not begin at `offset`, SIZE_INVALID for another length.
    """
    if not header:
        return length
    match = _CONTENT_RANGE.fullmatch(header)
    if match is None or int(match[1]) != offset or int(match[2]) < offset - 1:
        raise problem(
            "BLOB_UPLOAD_INVALID",
            f"the chunk's Content-Range is {header[:60]!r}, the upload has {offset} bytes",
            status=416,
            headers={"Range": received(offset)},
        )
    wanted = int(match[2]) - offset + 1
    if length is not None and length != wanted:
        raise problem("SIZE_INVALID", f"Content-Length is {length}, Content-Range {header[:60]!r}")
    return wanted


def received(size_bytes: int) -> str:
    """The Range of an answer: what has come, with the last byte's number, 0-0 for nothing."""
    return f"0-{max(size_bytes - 1, 0)}"
