"""Names of signals that STOPSIGNAL takes."""

import signal

from sampan.errors import InvalidArgument

_LARGEST = 64


def check(text: str) -> None:
    """Raises InvalidArgument unless `text` is a signal's number or name, with or without SIG, or RTMIN+n, RTMAX-n."""
    if text.isdecimal() and len(text) < 10:
        if 0 < int(text) <= _LARGEST:
            return
        raise InvalidArgument(f"invalid signal: {text}")
    name = text.upper().removeprefix("SIG")
    base, sign, offset = name[:5], name[5:6], name[6:]
    if base in ("RTMIN", "RTMAX") and (not sign or (sign == ("+" if base == "RTMIN" else "-") and offset.isdecimal())):
        return
    if "SIG" + name not in signal.Signals.__members__:
        raise InvalidArgument(f"invalid signal: {text}")
