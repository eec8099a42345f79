"""Go's ways to print values, which the history of an image is written in. Pure."""

from collections.abc import Sequence

_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}
_UNITS = ((3_600_000_000_000, "h"), (60_000_000_000, "m"))


def quoted(text: str, mark: str = '"') -> str:
    """`text` as %q prints it."""
    return mark + "".join(_escaped(character, mark) for character in text) + mark


def _escaped(character: str, mark: str) -> str:
    if character == mark:
        return "\\" + mark
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character == " " or character.isprintable():
        return character
    number = ord(character)
    if number < 0x20 or number == 0x7F:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def quoted_number(number: int) -> str:
    """A whole number as %q prints it: as a character."""
    return quoted(chr(number), "'") if 0 <= number < 0x110000 else "'\ufffd'"


def quoted_words(words: Sequence[str]) -> str:
    """A list of strings as %q prints it."""
    return "[" + " ".join(quoted(word) for word in words) + "]"


def plain_words(words: Sequence[str]) -> str:
    """A list of strings as %v prints it."""
    return "[" + " ".join(words) + "]"


def duration(nanoseconds: int) -> str:
    """A duration as Go prints it: 1m30s, 1.5s, 100ms, 0s."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest < 1_000_000_000:
        for size, unit in ((1_000_000, "ms"), (1_000, "µs"), (1, "ns")):
            if rest >= size:
                return f"{sign}{_decimal(rest, size)}{unit}"
    text = sign
    for size, unit in _UNITS:
        count, left = divmod(rest, size)
        if count or text != sign:
            text += f"{count}{unit}"
        rest = left
    return f"{text}{_decimal(rest, 1_000_000_000)}s"


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
