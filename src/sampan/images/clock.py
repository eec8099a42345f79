"""Times as image configurations write them."""

import time


def rfc3339(ns: int) -> str:
    """Nanoseconds since the epoch as RFC 3339 in UTC, with the fraction only where there is one."""
    seconds, fraction = divmod(ns, 10**9)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return text + (f".{fraction:09}".rstrip("0") if fraction else "") + "Z"


def current() -> str:
    """The time now."""
    return rfc3339(time.time_ns())
