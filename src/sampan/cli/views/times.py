"""Times as docker prints them."""

import re
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


def nanoseconds(text: str) -> int:
    """ns since the epoch of an RFC 3339 time; 0 for a missing or malformed one, which shows as "N/A"."""
    found = re.fullmatch(
        r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\d*(?:[Zz]|([+-])(\d\d):(\d\d))", text
    )
    if found is None:
        return 0
    year, month, day, hour, minute, second = (int(found.group(number)) for number in range(1, 7))
    seconds = timegm((year, month, day, hour, minute, second))
    if found.group(8):
        offset = int(found.group(9)) * 3600 + int(found.group(10)) * 60
        seconds -= offset if found.group(8) == "+" else -offset
    return seconds * 10**9 + int((found.group(7) or "0").ljust(9, "0"))


def timegm(moment: tuple[int, int, int, int, int, int]) -> int:
    """Seconds since the epoch of a time in UTC; the module calendar takes milliseconds to import."""
    year, month, day, hour, minute, second = moment
    # Days from civil: months counted from March, so that the leap day is the last one.
    year -= month <= 2
    era_year = year % 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = (year // 400) * 146097 + era_year * 365 + era_year // 4 - era_year // 100 + day_of_year - 719468
    return ((days * 24 + hour) * 60 + minute) * 60 + second
