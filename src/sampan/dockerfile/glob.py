"""Wildcards as Go's path.Match has them, and with ** as in .dockerignore.

    *      any characters but /          ?      one character but /
    [a-z]  one character of a class      [^a-z] one that is not in it         \\x   x itself

A bad pattern is an error for Go wherever the fault stands, so it is one here.
"""

import re
from collections.abc import Iterator

from sampan.errors import InvalidArgument

_WILD = re.compile(r"[*?\[\\]")


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern can match anything but the one path that it spells."""
    return _WILD.search(pattern) is not None


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """An expression whose `fullmatch` is Go's path.Match. Raises InvalidArgument "syntax error in pattern"."""
    return re.compile("".join(_translated(pattern, is_deep=False)), re.DOTALL)


def compile_deep_pattern(pattern: str) -> re.Pattern[str]:
    """As `compile_pattern`, but ** stands for any number of directories, also none, and at the end for all below."""
    return re.compile("".join(_translated(pattern, is_deep=True)), re.DOTALL)


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
                yield "(?:.*/)?" if position < len(pattern) else ".*"
            else:
                if not is_deep:  # a run of stars is one star
                    position += stars - 1
                yield "[^/]*"
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
