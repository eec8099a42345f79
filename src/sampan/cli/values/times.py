"""Points in time as --since and --until take them."""

import re
import time

from sampan.cli.kinds import read_duration

_SECONDS = re.compile(r"([0-9]+)(?:\.([0-9]{1,9}))?")
_FORMS = tuple(
    form + zone for form in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d") for zone in ("%z", "")
)


def read_moment(text: str) -> int:
    """RFC 3339 (parts may be missing, local time without a zone), seconds, or a duration ago: ns since the epoch.

    Raises ValueError.
    """
    seconds = _SECONDS.fullmatch(text)
    if seconds:
        return int(seconds.group(1)) * 10**9 + int((seconds.group(2) or "0").ljust(9, "0"))
    try:
        return time.time_ns() - read_duration(text)
    except ValueError:
        return _read_date(text)


def _read_date(text: str) -> int:
    from datetime import datetime

    fraction = re.search(r"\.([0-9]{1,9})", text)
    whole = text.replace(fraction.group(0), "", 1) if fraction else text
    for form in _FORMS:
        try:
            moment = datetime.strptime(whole, form)
        except ValueError:
            continue
        extra = int(fraction.group(1).ljust(9, "0")) if fraction else 0
        return int(moment.timestamp()) * 10**9 + extra
    raise ValueError(text)
