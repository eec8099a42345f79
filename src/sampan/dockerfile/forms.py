"""The form of an instruction's arguments: what its words are, before anything is known of their meaning.

Errors of this step carry no line in their message, as BuildKit's don't.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from sampan.dockerfile.errors import ParseError
from sampan.dockerfile.flags import split_flags
from sampan.dockerfile.instructions import Heredoc, Line
from sampan.dockerfile.source import Statement
from sampan.dockerfile.words import quote

_BLANKS = re.compile(r"[\t\v\f\r ]+")


class Request(NamedTuple):
    """An instruction in its form. `name` is as written; `rest` is all behind it, without flags.

    `words` are the arguments; for a text without words, like RUN's shell form, it is the one text. `is_json` tells
    that they were written as a JSON array.
    """

    line: Line
    name: str
    flags: tuple[str, ...]
    rest: str
    words: tuple[str, ...]
    is_json: bool
    heredocs: tuple[Heredoc, ...]


class FormError(ValueError):
    """Arguments that don't have their instruction's form."""


_Form = Callable[[str, str, str], tuple[tuple[str, ...], bool]]  # (name, rest, escape) -> (words, is_json)


def read(statement: Statement, escape: str) -> Request:
    """Raises ParseError where the arguments don't have the instruction's form. An unknown instruction has no words."""
    line = statement.line
    try:
        return _request(line, line.source, statement.heredocs, escape)
    except FormError as error:
        raise ParseError(str(error), line=line.first, last=line.last) from None


def _request(line: Line, text: str, heredocs: tuple[Heredoc, ...], escape: str) -> Request:
    name, _, arguments = _partition(text.strip())
    flags, rest = split_flags(arguments)
    rest = rest.strip()
    form = _FORMS.get(name.lower())
    words, is_json = form(name.upper(), rest, escape) if form else ((), False)
    return Request(line, name, flags, rest, words, is_json, heredocs)


def _partition(text: str) -> tuple[str, str, str]:
    found = _BLANKS.search(text)
    return (text[: found.start()], found.group(), text[found.end() :]) if found else (text, "", "")


def _as_text(name: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return ((rest,) if rest else ()), False


def _as_words(name: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return (tuple(_BLANKS.split(rest)) if rest else ()), False


def _as_json_or_text(name: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    words = json_words(rest)
    return _as_text(name, rest, escape) if words is None else (words, True)


def _as_json_or_words(name: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    words = json_words(rest)
    return _as_words(name, rest, escape) if words is None else (words, True)


def _as_health_check(name: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    kind, _, command = _partition(rest)
    if not kind:
        return (), False
    words, is_json = _as_json_or_text(name, command.strip(), escape)
    return (kind, *words), is_json


def _as_trigger(name: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    """The trigger's name and words; a trigger with the wrong form is an error of the file that holds it."""
    if not rest:
        return (), False
    trigger = _request(Line(0, 0, rest), rest, (), escape)
    return (trigger.name, *trigger.words), False


def _as_names(name: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return quoted_words(rest, escape), False


def _as_pairs(name: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    """Key and value in turn: of words with =, or of the older form with the value behind a blank."""
    words = quoted_words(rest, escape)
    if not words:
        return (), False
    if "=" not in words[0]:
        key, blank, value = _partition(rest)
        if not blank:
            raise FormError(f"{name} must have two arguments")
        return (key, value), False
    pairs: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise FormError(f"Syntax error - can't find = in {quote(word)}. Must be of the form: name=value")
        pairs += (key, value)
    return tuple(pairs), False


_FORMS: dict[str, _Form] = {
    "add": _as_json_or_words,
    "arg": _as_names,
    "cmd": _as_json_or_text,
    "copy": _as_json_or_words,
    "entrypoint": _as_json_or_text,
    "env": _as_pairs,
    "expose": _as_words,
    "from": _as_words,
    "healthcheck": _as_health_check,
    "label": _as_pairs,
    "maintainer": _as_text,
    "onbuild": _as_trigger,
    "run": _as_json_or_text,
    "shell": _as_json_or_text,
    "stopsignal": _as_text,
    "user": _as_text,
    "volume": _as_json_or_words,
    "workdir": _as_text,
}


def json_words(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None when it is not JSON. Raises FormError for an array with other members."""
    if not text.startswith("["):
        return None
    import json  # many a Dockerfile has no JSON form

    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise FormError("when using JSON array syntax, arrays must be comprised of strings only")
    # A half of a surrogate pair is no character; Go puts this one in its place.
    return tuple(re.sub(r"[\ud800-\udfff]", "\ufffd", word) for word in words)


def quoted_words(text: str, escape: str) -> tuple[str, ...]:
    """Words split at blanks outside quotes; quotes and escapes are kept, an escape character at the end is dropped."""
    words: list[str] = []
    letters: list[str] = []
    quoted = ""
    position = 0
    while position < len(text):
        letter = text[position]
        position += 1
        if letter == escape and quoted != "'":
            if position < len(text):
                letters += (letter, text[position])
                position += 1
        elif quoted:
            quoted = "" if letter == quoted else quoted
            letters.append(letter)
        elif letter.isspace():
            if letters:
                words.append("".join(letters))
            letters = []
        else:
            if letter in "'\"":
                quoted = letter
            letters.append(letter)
    if letters:
        words.append("".join(letters))
    return tuple(words)
