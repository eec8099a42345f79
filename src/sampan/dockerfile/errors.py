"""Errors in a Dockerfile, and the excerpt that shows where."""

import re
from collections.abc import Iterable

from sampan.errors import InvalidArgument

_LONGEST = 100  # characters of a word that is looked up: longer ones take long, and no one mistypes them
_NEAR = 3  # an edit distance from which two words are no longer taken for each other


class ParseError(InvalidArgument):
    """A Dockerfile that cannot be read. The message is BuildKit's.

    `line` and `last` are the first and last line of the instruction at fault, from 1; 0 when the fault has no place.
    """

    def __init__(self, message: str, *, line: int = 0, last: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.last = last or line


class InstructionError(ParseError):
    """An instruction whose words do not fit it: `reason` is what is wrong, the message says also on which line."""

    def __init__(self, reason: str, *, line: int, last: int = 0, hint: str = "") -> None:
        super().__init__(f"dockerfile parse error on line {line}: {reason}", line=line, last=last, hint=hint)
        self.reason = reason


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` is most likely a misspelling of: the smallest edit distance below 3, else "".

    Case does not count; the answer is in upper case when `word` is, and in lower case otherwise.
    """
    if len(word) > _LONGEST:
        return ""
    wanted = word.lower()
    best, distance = "", _NEAR
    for candidate in known:
        if abs(len(candidate) - len(wanted)) < distance:
            steps = _edit_distance(wanted, candidate.lower())
            if steps < distance:
                best, distance = candidate, steps
    if word.isupper():
        return best.upper()
    return best.lower() if word.islower() else best


def visible(text: str) -> str:
    """`text` with characters that would steer a terminal or turn the direction of writing shown as escapes.

    Line breaks and tabs stay. For names and words that others chose, where they are printed among ours.
    """
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", _escaped, text)


def _escaped(match: re.Match[str]) -> str:
    number = ord(match.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _edit_distance(left: str, right: str) -> int:
    previous = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            substituted = previous[column - 1] + (letter != other)
            current.append(min(previous[column] + 1, current[-1] + 1, substituted))
        previous = current
    return previous[-1]


def excerpt(text: str, name: str, first: int, last: int = 0, message: str = "") -> str:
    """Lines `first` to `last` of a Dockerfile marked with >>> among their neighbours, as docker build prints them.

    One line is shown with two neighbours on each side, several with one. Below the word that `message` is about, where
    it names one of these lines, stands a line of ^. The result ends without a newline.
    """
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    first = min(max(first, 1), len(lines))
    last = min(max(last, first), len(lines))
    neighbours = 2 if first == last else 1
    place = _pointer(lines, first, last, message) if message else (0, "")
    rule = "-" * 20
    shown = [f"{name}:{first}", rule]
    for number in range(max(1, first - neighbours), min(len(lines), last + neighbours) + 1):
        mark = ">>>" if first <= number <= last else "   "
        shown.append(f"{number:4d} | {mark} {visible(lines[number - 1])}")
        if number == place[0]:
            shown.append(f"     |     {place[1]}")
    shown.append(rule)
    return "\n".join(shown)


def _pointer(lines: list[str], first: int, last: int, message: str) -> tuple[int, str]:
    """(number of the line, blanks and ^ to stand below it) for what a message is about; (0, "") where it does not say.

    A message names it between quotes, as a flag, or behind "unknown instruction:".
    """
    named = re.findall(r'unknown instruction: (\S+)|"((?:[^"\\]|\\.)+)"|(?<!\w)(--[\w-]+)', message)
    for word in filter(None, (part for parts in named for part in parts)):
        for text in (word, word.lstrip("/")):
            for number in range(first, last + 1):
                found = re.search(rf"(?<![\w.-]){re.escape(text)}(?![\w.-])", lines[number - 1]) if text else None
                if found is not None:
                    before = re.sub(r"[^\t]", " ", visible(lines[number - 1][: found.start()]))
                    return number, before + "^" * len(visible(text))
    return 0, ""
