"""Wildcards as Go's path.Match has them: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are ranges, `\\` escapes.

Pure.
"""

import re

from sampan.errors import InvalidArgument


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` fits. Raises InvalidArgument in Docker's words for a malformed pattern."""
    return re.fullmatch(_expression(pattern), text) is not None


def _expression(pattern: str) -> str:
    made, position = "", 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            # Several in a row are one: else a text that does not fit takes exponential time.
            if not made.endswith("[^/]*"):
                made += "[^/]*"
        elif character == "?":
            made += "[^/]"
        elif character == "[":
            part, position = _range(pattern, position)
            made += part
        else:
            if character == "\\":
                character, position = _escaped(pattern, position)
            made += re.escape(character)
    return made


def _range(pattern: str, position: int) -> tuple[str, int]:
    """The class that begins behind `[`, and where it has ended."""
    is_negated = pattern.startswith("^", position)
    position += is_negated
    parts: list[str] = []
    while not (pattern.startswith("]", position) and parts):
        low, position = _bound(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _bound(pattern, position + 1)
        # A range that runs backwards has nothing in it, but counts as one.
        parts.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else "")
    inside = "".join(parts)
    if not inside:
        return "." if is_negated else "(?!)", position + 1
    return f"[{'^' * is_negated}{inside}]", position + 1


def _bound(pattern: str, position: int) -> tuple[str, int]:
    if position >= len(pattern) or pattern[position] in "-]":
        raise _malformed()
    if pattern[position] == "\\":
        return _escaped(pattern, position + 1)
    return pattern[position], position + 1


def _escaped(pattern: str, position: int) -> tuple[str, int]:
    if position >= len(pattern):
        raise _malformed()
    return pattern[position], position + 1


def _malformed() -> InvalidArgument:
    return InvalidArgument("syntax error in pattern", hint="a [ wants its ]; write \\[ for the character itself")
