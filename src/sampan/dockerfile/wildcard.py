"""The patterns of ${v#p}, ${v%p} and ${v/p/r}: * is any text, ? one character, a backslash takes one literally.

Matching goes through the set of positions that the pattern's start can reach, so its time is bounded by the product
of both lengths, whatever a hostile pattern holds; a regular expression with many stars is not.
"""

from collections.abc import Sequence
from typing import Final

ANY: Final = -1
ONE: Final = -2

Pattern = Sequence[int | str]  # ANY, ONE, or one literal character


def parse(pattern: str) -> Pattern:
    """Raises ValueError for an escape of anything but * ? \\ / and }."""
    tokens: list[int | str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "*":
            if not tokens or tokens[-1] != ANY:
                tokens.append(ANY)
        elif letter == "?":
            tokens.append(ONE)
        elif letter == "\\":
            following = next(letters, "")
            if not following or following not in "*?\\/}":
                raise ValueError(f"invalid escape '\\{following}'")
            tokens.append(following)
        else:
            tokens.append(letter)
    return tokens


def _ends(value: str, tokens: Pattern, start: int) -> tuple[Sequence[int], bool]:
    """The ends, rising, of the matches that begin at `start`; and whether a star was passed before they ran out."""
    positions: Sequence[int] = (start,)
    has_star = False
    for token in tokens:
        if token == ANY:
            positions = range(positions[0], len(value) + 1)
            has_star = True
        elif token == ONE:
            positions = [position + 1 for position in positions if position < len(value)]
        else:
            positions = [at + 1 for at in positions if at < len(value) and value[at] == token]
        if not positions:
            break
    return positions, has_star


def trim_prefix(value: str, tokens: Pattern, *, is_longest: bool) -> str:
    """`value` without the shortest or longest match at its start."""
    ends, _ = _ends(value, tokens, 0)
    if not ends:
        return value
    return value[ends[-1] if is_longest else ends[0] :]


def trim_suffix(value: str, tokens: Pattern, *, is_longest: bool) -> str:
    """`value` without the shortest or longest match at its end."""
    return trim_prefix(value[::-1], tokens[::-1], is_longest=is_longest)[::-1]


def replace(value: str, tokens: Pattern, replacement: str, *, is_every: bool, limit: int = 1 << 30) -> str:
    """`value` with its first match, or every one, replaced; of the matches at one place the longest counts.

    Raises OverflowError when the result would have more than `limit` characters.
    """
    result: list[str] = []
    position = copied = 0
    grown = len(value)
    end_of_last = -1
    while position <= len(value):
        ends, has_star = _ends(value, tokens, position)
        if not ends:
            if has_star:  # what follows the star is not found behind `position`, so it is not found later either
                break
            position += 1
            continue
        end = ends[-1]
        if end > position or position != end_of_last:  # an empty match beside the last one is none
            result += [value[copied:position], replacement]
            grown += len(replacement)
            if grown > limit:
                raise OverflowError
            copied = end_of_last = end
            if not is_every:
                break
        position = end if end > position else position + 1
    result.append(value[copied:])
    return "".join(result)
