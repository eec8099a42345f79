"""Times as Docker's API writes them: RFC 3339 in UTC, and Go's zero time for never."""

from sampan.images import clock

NEVER = "0001-01-01T00:00:00Z"


def rfc3339(moment_ns: int) -> str:
    """`moment_ns` since the epoch as text, such as 2026-11-23T23:43:06.89726Z; 0 is never."""
    return clock.rfc3339(moment_ns) if moment_ns else NEVER
