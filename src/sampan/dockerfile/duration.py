"""Durations as Go writes them: "1m30s", "1.5h", "100ms"."""

import re

from sampan.dockerfile.words import quote

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_MAX_NS = 2**63 - 1
_MAX_LENGTH = 200


def parse_duration(text: str) -> int:
    """A duration in nanoseconds, of either sign. Raises ValueError with the message of Go's time.ParseDuration."""
    invalid = ValueError(f"time: invalid duration {quote(text)}")
    sign = -1 if text[:1] == "-" else 1
    body = text[1:] if text[:1] in ("-", "+") else text
    if body == "0":
        return 0
    if not body or len(body) > _MAX_LENGTH:
        raise invalid
    total = position = 0
    while position < len(body):
        found = _PART.match(body, position)
        if found is None or not (found[1] or found[2]):
            raise invalid
        whole, fraction, unit = found[1], found[2] or "", found[3]
        if not unit:
            raise ValueError(f"time: missing unit in duration {quote(text)}")
        if unit not in _UNITS:
            raise ValueError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        scale = _UNITS[unit]
        total += int(whole or "0") * scale + int(fraction or "0") * scale // 10 ** len(fraction)
        if total > _MAX_NS:
            raise invalid
        position = found.end()
    return sign * total
