"""One stored line of a log, `TIME STREAM F|P TEXT`, as conmon writes it: F ends a line, P is a part of one."""

from typing import NamedTuple


class LogLine(NamedTuple):
    """One line, or a part of one: `text` ends in a newline only when the container wrote one."""

    time: str  # RFC 3339 with nanoseconds, UTC
    stream: str  # stdout or stderr
    text: bytes


def parse(line: bytes) -> LogLine | None:
    """One stored line without its newline; None for one that is not complete."""
    fields = line.split(b" ", 3)
    if len(fields) != 4:
        return None
    time, stream, tag, text = fields
    ending = b"" if tag == b"P" else b"\n"
    return LogLine(utc(time.decode(errors="replace")), stream.decode(errors="replace"), text + ending)


def utc(text: str) -> str:
    """A stored time in UTC: a monitor writes local time with its offset, Docker shows UTC."""
    if text.endswith("Z"):
        return text
    if text.endswith("+00:00"):
        return text[:-6] + "Z"
    from datetime import UTC, datetime

    whole, _, rest = text.partition(".")
    fraction, offset = rest[:9], rest[9:]
    moment = datetime.fromisoformat(whole + offset).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def nanoseconds(text: str) -> int:
    """An RFC 3339 time in UTC as ns since the epoch. Raises ValueError."""
    from calendar import timegm
    from time import strptime

    whole, _, fraction = text.rstrip("Z").partition(".")
    return timegm(strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction or "0").ljust(9, "0")[:9])


def moment_of(line: bytes) -> int | None:
    """The time of a stored line, or of its beginning, in ns since the epoch; None for what is none."""
    time, blank, _ = line.partition(b" ")
    try:
        return nanoseconds(utc(time.decode())) if blank else None
    except ValueError:
        return None
