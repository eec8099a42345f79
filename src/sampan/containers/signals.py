"""Signals by name or number. Pure."""

import signal

from sampan.errors import InvalidArgument


def number(text: str) -> int:
    """ "KILL", "SIGKILL", "9", "RTMIN+3" -> a number. Raises InvalidArgument in Docker's words."""
    if text.isdecimal() and len(text) < 10:
        value = int(text)
        if not 0 < value < 65:
            raise InvalidArgument(
                f"invalid signal: {text}" if value == 0 else f"the linux daemon does not support signal {text}"
            )
        return value
    name = text.upper().removeprefix("SIG")
    base, plus, offset = name.partition("+")
    if plus and base == "RTMIN" and offset.isdecimal():
        return int(signal.SIGRTMIN) + int(offset)
    base, minus, offset = name.partition("-")
    if minus and base == "RTMAX" and offset.isdecimal():
        return int(signal.SIGRTMAX) - int(offset)
    try:
        return int(signal.Signals["SIG" + name])
    except KeyError as error:
        raise InvalidArgument(f"invalid signal: {text}") from error
