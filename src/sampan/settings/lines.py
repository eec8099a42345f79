"""In which line of a TOML text a key stands: tomllib does not tell. Pure."""

import re

Place = tuple[str | int, ...]
"""Keys from the top on; a number is a position in an array of tables."""

_NAME = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*')"""
_DOTTED = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_PAIR = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=(.*)")
_TOKEN = re.compile(r"""\"\"\"|'''|"(?:\\.|[^"\\])*"|'[^']*'|#.*|[\[{\]}]""")


def places(text: str) -> dict[Place, int]:
    """The line, from 1 on, of every table header and key of a text that tomllib has read.

    What stands inside of an array or inline table has no place of its own.
    """
    found: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    value = _Value()
    for number, line in enumerate(text.split("\n"), 1):
        if value.is_open:
            value.read(line)
        elif (header := _HEADER.match(line)) is not None:
            table = _resolved(_names(header[2]), counts)
            if header[1] == "[[":
                bare = table
                counts[bare] = counts.get(bare, -1) + 1
                table = (*bare, counts[bare])
                found.setdefault(bare, number)
            found.setdefault(table, number)
        elif (pair := _PAIR.match(line)) is not None:
            found.setdefault((*table, *_names(pair[1])), number)
            value.read(pair[2])
    return found


def line_of(known: dict[Place, int], place: Place) -> int:
    """The line of `place`, or of the innermost thing around it that has one; 0 when there is none."""
    for length in range(len(place), 0, -1):
        if place[:length] in known:
            return known[place[:length]]
    return 0


def _names(dotted: str) -> Place:
    return tuple(_plain(name) for name in re.findall(_NAME, dotted))


def _plain(name: str) -> str:
    return name[1:-1] if name[0] in "\"'" else name


def _resolved(names: Place, counts: dict[Place, int]) -> Place:
    """`names` with the position in each array of tables that they lead through."""
    place: Place = ()
    for index, name in enumerate(names):
        place = (*place, name)
        if place in counts and index < len(names) - 1:
            place = (*place, counts[place])
    return place


class _Value:
    """Whether a value goes on in the next line: an array, or a text of several lines."""

    __slots__ = ("depth", "quote")

    def __init__(self) -> None:
        self.depth = 0
        self.quote = ""

    @property
    def is_open(self) -> bool:
        return self.depth > 0 or bool(self.quote)

    def read(self, line: str) -> None:
        position = 0
        while position < len(line):
            if self.quote:
                end = line.find(self.quote, position)
                if end < 0:
                    return
                position, self.quote = end + 3, ""
                continue
            token = _TOKEN.search(line, position)
            if token is None:
                return
            position = token.end()
            if token[0] in ('"""', "'''"):
                self.quote = token[0]
            elif token[0] in "[{":
                self.depth += 1
            elif token[0] in "]}":
                self.depth -= 1
