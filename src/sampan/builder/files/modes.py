"""COPY --chmod: octal or symbolic modes. Pure."""

import re
from collections.abc import Callable

from sampan.errors import InvalidArgument

_OCTAL = re.compile(r"[0-7]{1,4}")
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXstugo]*)+)")
_CHANGE = re.compile(r"([-+=])([rwxXstugo]*)")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}

Change = Callable[[int, bool], int]


def parse(text: str) -> Change:
    """A function (permission bits, is a folder) -> permission bits. Raises InvalidArgument in BuildKit's words."""
    if _OCTAL.fullmatch(text):
        number = int(text, 8)
        return lambda mode, is_folder: number
    clauses = [_CLAUSE.fullmatch(clause) for clause in text.split(",")]
    if text.isdigit() or not all(clauses):
        raise InvalidArgument(
            f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777",
            hint="write --chmod=755, or letters as in --chmod=u=rwX,go=rX",
        )
    changes = [
        (clause.group(1), change.group(1), change.group(2))
        for clause in clauses
        if clause is not None
        for change in _CHANGE.finditer(clause.group(2))
    ]

    def change_all(mode: int, is_folder: bool) -> int:
        for who, operator, letters in changes:
            mode = _changed(mode, is_folder, who, operator, letters)
        return mode

    return change_all


def of_made_folders(text: str) -> int:
    """The mode of folders that a COPY with this --chmod, or "", makes on its way: that of octal digits, as in BuildKit,
    which makes them by mkdir(2), so without setuid, setgid and sticky bits."""
    return int(text, 8) & 0o777 if _OCTAL.fullmatch(text) else 0o755


def _changed(mode: int, is_folder: bool, who: str, operator: str, letters: str) -> int:
    classes = "ugo" if not who or "a" in who else who
    wanted = special = 0
    for letter in letters:
        if letter in _BITS:
            wanted |= _BITS[letter]
        elif letter == "X" and (is_folder or mode & 0o111):
            wanted |= 1
        elif letter in _SHIFTS:
            wanted |= mode >> _SHIFTS[letter] & 7
        elif letter == "s":
            special |= (0o4000 if "u" in classes else 0) | (0o2000 if "g" in classes else 0)
        elif letter == "t":
            special |= 0o1000
    bits, mask = special, 0
    for name in classes:
        bits |= wanted << _SHIFTS[name]
        mask |= 7 << _SHIFTS[name]
    if operator == "+":
        return mode | bits
    if operator == "-":
        return mode & ~bits
    keeps = 0o1000 | (0 if "u" in classes else 0o4000) | (0 if "g" in classes else 0o2000)
    return mode & (~(mask | 0o7000) | keeps) | bits
