"""The kinds of values that flags take, with Go's and Docker's rules for reading them.

A kind reads one text into one value and raises ValueError with the reason in the words of pflag, strconv and go-units,
which the parser wraps as `invalid argument "TEXT" for "-m, --memory" flag: REASON`.
"""

import re  # patterns are compiled on first use, not on the way to every start
from collections.abc import Callable

from sampan.values import NamedTuple


class Kind(NamedTuple):
    """How a flag's text becomes a value.

    `name` is shown in help ("" for a switch). `gathers` is "" (the last one wins), "list" (each one is kept, in
    order), "slice" (the same, but each text may hold several, split by commas) or "map" (the reader returns a pair,
    later keys win). `zero` is the value without the flag. `implied` is the text of a flag that stands without a value,
    None where a value is needed.
    """

    name: str
    read: Callable[[str], object]
    gathers: str = ""
    zero: object = None
    implied: str | None = None


def go_quote(text: str) -> str:
    """`text` as Go's %q writes it."""
    out = ['"']
    for character in text:
        if character in '"\\':
            out.append("\\" + character)
        elif character.isprintable():
            out.append(character)
        elif character in _ESCAPES:
            out.append(_ESCAPES[character])
        elif ord(character) < 0x80:
            out.append(f"\\x{ord(character):02x}")
        else:
            out.append(f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}")
    out.append('"')
    return "".join(out)


_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))


def read_bool(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"strconv.ParseBool: parsing {go_quote(text)}: invalid syntax")


def read_string(text: str) -> str:
    return text


_INTEGER = r"([+-]?)(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[0-9][0-9_]*)"


def read_integer(text: str, *, function: str = "ParseInt", low: int = -(1 << 63), high: int = (1 << 63) - 1) -> int:
    """An integer as Go's strconv reads it with base 0: decimal, 0x, 0o, 0b, a leading 0 is octal."""
    if text.isdecimal() and text.isascii() and text[0] != "0" and int(text) <= high:
        return int(text)
    match = re.fullmatch(_INTEGER, text)
    if match is None or text.endswith("_") or "__" in text or (function == "ParseUint" and match[1]):
        raise ValueError(f"strconv.{function}: parsing {go_quote(text)}: invalid syntax")
    digits = match[2].replace("_", "").lower()
    if digits.startswith("0") and len(digits) > 1 and digits[1].isdigit():
        digits = "0o" + digits[1:]
    value = int(digits, 0)
    if match[1] == "-":
        value = -value
    if not low <= value <= high:
        raise ValueError(f"strconv.{function}: parsing {go_quote(text)}: value out of range")
    return value


def read_uint16(text: str) -> int:
    return read_integer(text, function="ParseUint", low=0, high=65535)


_SIZE = r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)(?:i?b)?"
_BINARY = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}


def read_size(text: str) -> int:
    """Bytes from "64m", "1.5g", "2KiB"; units are binary."""
    match = re.fullmatch(_SIZE, text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"invalid size: '{text}'")
    number, unit = match[1], _BINARY[match[2].lower()]
    return int(float(number) * unit) if "." in number else int(number) * unit


def read_swap_size(text: str) -> int:
    return -1 if text == "-1" else read_size(text)


_RATIONAL = r"([+-]?)([0-9]+)(?:/([0-9]+)|(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?)|([+-]?)\.([0-9]+)"
_NANO = 1_000_000_000


def read_cpus(text: str) -> int:
    """A number of CPUs in billionths; "1.5", "1e-1" and "1/2" are read, as by Go's big.Rat."""
    match = re.fullmatch(_RATIONAL, text)
    if match is None or (match[3] is not None and int(match[3]) == 0):
        raise ValueError(f"failed to parse {text} as a rational number")
    sign = -1 if "-" in (match[1], match[6]) else 1
    digits, fraction = (match[2], match[4] or "") if match[2] is not None else ("0", match[7])
    exponent = int(match[5] or 0)
    numerator: int = int(digits + fraction) * 10 ** max(exponent, 0)
    denominator: int = 10 ** (len(fraction) + max(-exponent, 0)) * int(match[3] or 1)
    value, rest = divmod(numerator * _NANO, denominator)
    if rest:
        raise ValueError("value is too precise")
    return sign * value


_DURATION_PART = r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)"
_UNITS = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def read_duration(text: str) -> int:
    """Nanoseconds from a Go duration such as "1h30m" or "1.5s"."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text[1:] if text[:1] == "+" else text)
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f"time: invalid duration {go_quote(text)}")
    total = 0
    while rest:
        match = re.match(_DURATION_PART, rest)
        if match is None or not (match[1] or match[2]):
            raise ValueError(f"time: invalid duration {go_quote(text)}")
        if not match[3]:
            raise ValueError(f"time: missing unit in duration {go_quote(text)}")
        unit = _UNITS.get(match[3])
        if unit is None:
            raise ValueError(f"time: unknown unit {go_quote(match[3])} in duration {go_quote(text)}")
        fraction = match[2] or ""
        total += int(match[1] or "0") * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        rest = rest[match.end() :]
    if total >= 1 << 63:
        raise ValueError(f"time: invalid duration {go_quote(text)}")
    return sign * total


def read_pair(text: str) -> tuple[str, str]:
    """KEY=VALUE; a bare KEY has the value ""."""
    key, _, value = text.partition("=")
    return key, value


def read_slice(text: str) -> list[str]:
    """The comma-separated parts of a text; "" has none."""
    return text.split(",") if text else []


def read_filter(text: str) -> tuple[str, str]:
    """NAME=VALUE of a --filter; the name in lower case."""
    if "=" not in text:
        raise ValueError("bad format of filter (expected name=value)")
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()


def read_label(text: str) -> str:
    """KEY or KEY=VALUE, kept as text."""
    if not text.partition("=")[0].strip(" \t"):
        raise ValueError(f"invalid label '{text}': empty name")
    return text


BOOL = Kind("", read_bool, zero=False, implied="true")
STRING = Kind("string", read_string, zero="")
INT = Kind("int", read_integer, zero=0)
UINT16 = Kind("uint16", read_uint16, zero=0)
LIST = Kind("list", read_string, gathers="list", zero=())
SLICE = Kind("strings", read_slice, gathers="slice", zero=())
STRINGS = Kind("stringArray", read_string, gathers="list", zero=())
LABELS = Kind("list", read_label, gathers="list", zero=())
MAP = Kind("map", read_pair, gathers="map", zero={})
BYTES = Kind("bytes", read_size, zero=0)
SWAP_BYTES = Kind("bytes", read_swap_size, zero=0)
DECIMAL = Kind("decimal", read_cpus, zero=0)
DURATION = Kind("duration", read_duration, zero=0)
FILTER = Kind("filter", read_filter, gathers="list", zero=())
