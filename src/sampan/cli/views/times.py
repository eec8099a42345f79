"""Times as docker prints them."""

import time

from sampan.cli.output import human_duration


def ago(created_ns: int, now_ns: int) -> str:
    """ "5 seconds ago"; for no time "N/A"."""
    return f"{human_duration((now_ns - created_ns) / 1e9)} ago" if created_ns > 0 else "N/A"


def created_at(created_ns: int) -> str:
    """2026-11-23 23:43:08 +0000 UTC, in the local time zone."""
    local = time.localtime(created_ns // 10**9)
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", local)


def utc(created_ns: int) -> str:
    """RFC 3339 with nanoseconds as Go writes it: without trailing zeros."""
    seconds, rest = divmod(created_ns, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + fraction + "Z"


def local_rfc3339(created_ns: int) -> str:
    """RFC 3339 in whole seconds and the local time zone; Z for UTC."""
    local = time.localtime(created_ns // 10**9)
    zone = time.strftime("%z", local)
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + zone
