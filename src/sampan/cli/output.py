"""What results look like: docker's tables, sizes, ages, short IDs."""

import os
from collections.abc import Iterable, Sequence

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_NARROWEST = 10
_GAP = 3


def table(rows: Iterable[Sequence[str]], narrowest: int = _NARROWEST, gap: int = _GAP) -> str:
    """Rows of equal length as columns: at least `narrowest` wide, `gap` blanks between; the last is not padded."""
    lines = [list(row) for row in rows]
    if not lines:
        return ""
    columns = len(lines[0])
    widths = [max(narrowest, *(len(line[column]) + gap for line in lines)) for column in range(columns - 1)]
    out: list[str] = []
    for line in lines:
        out += [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        out += [line[-1], "\n"]
    return "".join(out)


def human_size(size: float, precision: int = 4) -> str:
    """Bytes in decimal units with so many significant digits: 2.026MB."""
    return _scaled(size, precision, 1000, _DECIMAL)


def binary_size(size: float) -> str:
    """Bytes in binary units: 1.952GiB."""
    return _scaled(size, 4, 1024, _BINARY)


def _scaled(size: float, precision: int, base: int, units: Sequence[str]) -> str:
    unit = 0
    while size >= base and unit < len(units) - 1:
        size /= base
        unit += 1
    return f"{size:.{precision}g}{units[unit]}"


def human_duration(seconds: float) -> str:
    """A time span in words, as in "5 seconds", "About an hour"."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    minutes = whole // 60
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    for limit, span, name in ((24 * 14, 24, "days"), (24 * 60, 24 * 7, "weeks"), (24 * 730, 24 * 30, "months")):
        if hours < limit:
            return f"{hours // span} {name}"
    return f"{whole // 3600 // 24 // 365} years"


def ellipsis(text: str, length: int) -> str:
    """`text` in at most `length` characters, the last one an ellipsis where something was cut off."""
    if len(text) <= length:
        return text
    return text[: length - 1] + "…" if length > 1 else text[:length]


def short_id(identifier: str) -> str:
    """The first twelve digits, without the algorithm."""
    return identifier.rpartition(":")[2][:12]


def is_terminal(stream: object) -> bool:
    """Whether a stream goes to a terminal; what has no descriptor does not."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())


def terminal_width(default: int = 80) -> int:
    """Columns of the terminal on stdout, or `default`."""
    try:
        return os.get_terminal_size(1).columns or default
    except OSError:
        return default
