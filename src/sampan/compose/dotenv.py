"""The variables of an .env file, as Compose reads it. Pure.

    NAME=value  # a comment        export NAME=value        NAME: value
    NAME="with ${OTHER}, \\n and more lines"                 NAME='as it stands'

A value without quotes and one in double quotes may name variables, of the environment or of the lines before.
"""

import re
from collections.abc import Callable, Mapping

from sampan.compose.interpolation import filled
from sampan.errors import InvalidArgument

_ENTRY = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.\-\[\]]*)[ \t]*(?:([=:])[ \t]*|(?=\r?\n|\Z|#))")
_SKIPPED = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SINGLE = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_REST = re.compile(r"[ \t\r]*(?:#[^\n]*)?(?:\n|\Z)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}


def parse(text: str, environment: Mapping[str, str], name: str = ".env") -> dict[str, str]:
    """The variables of a file that is shown as `name`. A name alone takes its value from the environment.

    Raises InvalidArgument with the line of a mistake.
    """
    found: dict[str, str] = {}
    position = _end(_SKIPPED, text, 0)
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        entry = _ENTRY.match(text, position)
        if entry is None:
            raise InvalidArgument(f"{name}:{line}: no NAME=value", hint="write a comment after #")
        try:
            value, position = _value(text, entry, lambda key: environment.get(key, found.get(key)))
        except InvalidArgument as error:
            raise InvalidArgument(f"{name}:{line}: {error.message}", hint=error.hint) from error
        if value is not None:
            found[entry[1]] = value
        position = _end(_SKIPPED, text, position)
    return found


def _value(text: str, entry: re.Match[str], look: Callable[[str], str | None]) -> tuple[str | None, int]:
    """The value after an entry's name, and where the next entry may begin."""
    start = entry.end()
    if entry[2] is None:
        return look(entry[1]), start
    quote = text[start : start + 1]
    if quote not in ("'", '"') or not quote:
        end = text.find("\n", start)
        line = text[start : len(text) if end < 0 else end]
        plain = re.split(r"(?:^|[ \t])#", line, maxsplit=1)[0].strip()
        return filled(plain, look), start + len(line)
    quoted = (_SINGLE if quote == "'" else _DOUBLE).match(text, start)
    if quoted is None or not _REST.match(text, quoted.end()):
        raise InvalidArgument(f"unterminated quoted value of {entry[1]}")
    if quote == "'":
        return quoted[1], quoted.end()
    plain = _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), quoted[1])
    return filled(plain, look), quoted.end()


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position
