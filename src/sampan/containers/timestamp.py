"""Times as Docker writes them: RFC 3339 in UTC, with as many decimals as are needed."""

import time

NEVER = "0001-01-01T00:00:00Z"


def rfc3339(moment_ns: int) -> str:
    """`moment_ns` since the epoch as text, such as 2026-11-23T23:43:06.89726Z; 0 is Go's zero time."""
    if not moment_ns:
        return NEVER
    seconds, rest = divmod(moment_ns, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + fraction + "Z"
