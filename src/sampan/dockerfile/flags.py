"""The flags of an instruction: --name=value words between its name and its arguments."""

from collections.abc import Mapping, Sequence
from enum import Enum

from sampan.dockerfile.errors import nearest


class Kind(Enum):
    """BOOL stands alone or as =true or =false, TEXT has a value, LIST has a value and may be repeated."""

    BOOL = "bool"
    TEXT = "text"
    LIST = "list"


class FlagError(ValueError):
    """A flag that the instruction does not take; the text is BuildKit's."""


class Flags:
    """The parsed flags of one instruction; one that was not given is "", False or ()."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def has(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        return self._values.get(name, [""])[0]

    def is_set(self, name: str) -> bool:
        return self.text(name) == "true"

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(self._values.get(name, ()))


def split_flags(text: str) -> tuple[tuple[str, ...], str]:
    """The flag words at the start of an instruction's arguments, quotes and escapes taken away, and what follows them.

    The word -- ends the flags and is dropped. The escape character of flags is the backslash, whatever the file's is.
    """
    flags: list[str] = []
    position = 0
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if not text.startswith("--", position):
            return tuple(flags), text[position:]
        word, position = _flag_word(text, position)
        if word == "--":
            return tuple(flags), text[position:].lstrip()
        flags.append(word)


def _flag_word(text: str, position: int) -> tuple[str, int]:
    """One word from `position`, and where it ends."""
    letters: list[str] = []
    quote = ""
    while position < len(text):
        letter = text[position]
        position += 1
        if letter == "\\":
            letters.append(text[position : position + 1])
            position += 1
        elif quote:
            if letter == quote:
                quote = ""
            else:
                letters.append(letter)
        elif letter in "'\"":
            quote = letter
        elif letter.isspace():
            break
        else:
            letters.append(letter)
    return "".join(letters), position


def parse(words: Sequence[str], known: Mapping[str, Kind]) -> Flags:
    """Raises FlagError for an unknown flag, a missing or wrong value, and one given twice that may not be."""
    values: dict[str, list[str]] = {}
    for word in words:
        name, has_value, value = word[2:].partition("=")
        kind = known.get(name)
        if kind is None:
            near = nearest(name, known)
            raise FlagError(f"unknown flag: --{name}" + (f" (did you mean {near}?)" if near else ""))
        if name in values and kind is not Kind.LIST:
            raise FlagError(f"duplicate flag specified: --{name}")
        if kind is Kind.BOOL:
            value = _truth(name, value, is_given=bool(has_value))
        elif not has_value:
            raise FlagError(f"missing a value on flag: --{name}")
        values.setdefault(name, []).append(value)
    return Flags(values)


def _truth(name: str, value: str, *, is_given: bool) -> str:
    if not is_given:
        return "true"
    if not value:
        raise FlagError(f"missing a value on flag: --{name}")
    if value.lower() not in ("true", "false"):
        raise FlagError(f"expecting boolean value for flag --{name}, not: {value}")
    return value.lower()
