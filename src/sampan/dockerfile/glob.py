"""Wildcards as Go's path.Match has them, and with ** as in .dockerignore.

    *      any characters but /          ?      one character but /
    [a-z]  one character of a class      [^a-z] one that is not in it         \\x   x itself

A bad pattern is an error for Go wherever the fault stands, so it is one here.
"""

import re
from collections.abc import Iterator
from typing import Protocol

from sampan.errors import InvalidArgument

_WILD = re.compile(r"[*?\[\\]")
_FOLDERS, _ALL, _NAME = "(?:.*/)?", ".*", "[^/]*"
_WILD_PARTS = frozenset((_FOLDERS, _ALL, _NAME))
_FEW_WILD, _SEVERAL_WILD, _SHORT_PATH = 2, 4, 80


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern can match anything but the one path that it spells."""
    return _WILD.search(pattern) is not None


class Matcher(Protocol):
    """A pattern that is ready for use."""

    def fullmatch(self, path: str, /) -> object:
        """Something true when the whole `path` matches."""


def compile_pattern(pattern: str) -> Matcher:
    """A matcher as Go's path.Match. Raises InvalidArgument "syntax error in pattern"."""
    return _matcher(list(_translated(pattern, is_deep=False)))


def compile_deep_pattern(pattern: str) -> Matcher:
    """As `compile_pattern`, but ** stands for any number of directories, also none, and at the end for all below."""
    return _matcher(list(_translated(pattern, is_deep=True)))


def _matcher(parts: list[str]) -> Matcher:
    """A regular expression where it is quick whatever the path is, which few wildcards make sure of."""
    wild = sum(part in _WILD_PARTS for part in parts)
    if wild <= _FEW_WILD:
        return re.compile("".join(parts), re.DOTALL)
    return _Steady(parts, wild)


class _Steady:
    """Matches in time that grows with the path's length, and no faster, whatever a hostile pattern holds.

    A regular expression tries every way to share the path out among its wildcards. Here the places of the pattern that
    the path may have led to so far are kept together, as the bits of a number.
    """

    __slots__ = ("_accepting", "_any", "_by_character", "_names", "_quick", "_single", "_skip_one", "_skip_three")

    def __init__(self, parts: list[str], wild: int) -> None:
        self._quick = re.compile("".join(parts), re.DOTALL) if wild <= _SEVERAL_WILD else None
        self._single: list[tuple[int, re.Pattern[str]]] = []  # places that take one character of some kind
        self._any = self._names = self._skip_one = self._skip_three = 0
        place = 1
        for part in parts:
            if part == _FOLDERS:  # as a place to leave it out from, one for .*, one for the slash
                self._skip_one |= place | place << 1
                self._skip_three |= place
                self._any |= place << 1
                self._single.append((place << 2, re.compile("/")))
                place <<= 3
                continue
            if part in _WILD_PARTS:
                self._skip_one |= place
                self._any |= place if part == _ALL else 0
                self._names |= place if part == _NAME else 0
            else:
                self._single.append((place, re.compile(part, re.DOTALL)))
            place <<= 1
        self._accepting = place
        self._by_character: dict[str, int] = {}

    def fullmatch(self, path: str, /) -> object:
        if self._quick is not None and len(path) <= _SHORT_PATH:
            return self._quick.fullmatch(path)
        places = self._closed(1)
        for character in path:
            stays = self._any if character == "/" else self._any | self._names
            places = self._closed((places & self._taking(character)) << 1 | (places & stays))
            if not places:
                return False
        return bool(places & self._accepting)

    def _closed(self, places: int) -> int:
        """With the places that are reached by leaving wildcards behind."""
        while True:
            wider = places | (places & self._skip_one) << 1 | (places & self._skip_three) << 3
            if wider == places:
                return places
            places = wider

    def _taking(self, character: str) -> int:
        found = self._by_character.get(character)
        if found is None:
            found = 0
            for place, kind in self._single:
                if kind.fullmatch(character):
                    found |= place
            self._by_character[character] = found
        return found


def _translated(pattern: str, *, is_deep: bool) -> Iterator[str]:
    position = 0
    while position < len(pattern):
        letter = pattern[position]
        position += 1
        if letter == "*":
            stars = _run_of_stars(pattern, position - 1)
            if is_deep and stars > 1:
                position += 1
                if pattern.startswith("/", position):
                    position += 1
                yield _FOLDERS if position < len(pattern) else _ALL
            else:
                if not is_deep:  # a run of stars is one star
                    position += stars - 1
                yield _NAME
        elif letter == "?":
            yield "[^/]"
        elif letter == "[":
            expression, position = _class(pattern, position)
            yield expression
        elif letter == "\\":
            if position == len(pattern):
                raise _bad()
            yield re.escape(pattern[position])
            position += 1
        else:
            yield re.escape(letter)


def _run_of_stars(pattern: str, position: int) -> int:
    return len(pattern[position:]) - len(pattern[position:].lstrip("*"))


def _class(pattern: str, position: int) -> tuple[str, int]:
    """The expression of a class whose [ is passed, and where the pattern goes on."""
    is_negated = pattern.startswith("^", position)
    position += is_negated
    members: list[str] = []
    is_first = True
    while is_first or not pattern.startswith("]", position):
        is_first = False
        low, position = _class_letter(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _class_letter(pattern, position + 1)
        if low > high:
            raise _bad()
        members.append(f"{re.escape(low)}-{re.escape(high)}")
    return f"[{'^' if is_negated else ''}{''.join(members)}]", position + 1


def _class_letter(pattern: str, position: int) -> tuple[str, int]:
    letter = pattern[position : position + 1]
    if letter in ("", "-", "]"):
        raise _bad()
    if letter == "\\":
        position += 1
        letter = pattern[position : position + 1]
    if not pattern[position + 1 :]:  # the class is not closed
        raise _bad()
    return letter, position + 1


def _bad() -> InvalidArgument:
    return InvalidArgument("syntax error in pattern", hint="write \\[ for a literal [")
