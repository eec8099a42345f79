"""The text of a settings file becomes values, or an error with the line. Pure; imported only when there is a file."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from sampan.errors import InvalidArgument
from sampan.settings.keys import KEYS, Key, Wrong
from sampan.settings.lines import line_of, places
from sampan.spelling import nearest

_BY_NAME = {key.name: key for key in KEYS}
_TABLES = frozenset(name.rpartition(".")[0] for name in _BY_NAME if "." in name)
_SHOWN = 80  # characters of a value that an error shows


def read(text: str, path: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields of Settings that a file sets, and where: "FILE:LINE". Raises InvalidArgument for the first mistake."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        reason, _, position = str(problem).rpartition(" (at line ")
        line = position.partition(",")[0] if reason else str(text.count("\n") + 1)
        raise InvalidArgument(
            f"{path}:{line}: {_lower(reason or str(problem)).removesuffix(' (at end of document)')}",
            hint="settings are TOML: key = value, below [table] headers",
        ) from None
    known = places(text)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for names, item in _leaves(document):
        name = ".".join(names)
        where = f"{path}:{line_of(known, names)}"
        key = _BY_NAME.get(name)
        if key is None:
            raise _unknown(name, item, where)
        try:
            values[key.field] = key.read(item)
        except Wrong as wrong:
            inner = f"{path}:{line_of(known, (*names, *wrong.within))}"
            raise _mistake(key, item, wrong, inner) from None
        origins[key.field] = where
    return values, origins


def _leaves(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What is set, by dotted name: a table that only groups keys is entered."""
    for name, value in document.items():
        if name in _TABLES and isinstance(value, dict):
            for inner, item in value.items():
                yield (name, inner), item
        else:
            yield (name,), value


def _mistake(key: Key, value: Any, wrong: Wrong, where: str) -> InvalidArgument:
    name, part = key.name, value
    for step in wrong.within:
        name += f"[{step}]" if isinstance(step, int) else f".{step}"
        part = part[step]
    near = f"did you mean {wrong.near}? " if wrong.near else ""
    return InvalidArgument(
        f"{where}: {name} = {_shown(part)}: {wrong.reason}", hint=f"{near}for example: {key.example}"
    )


def _unknown(name: str, value: Any, where: str) -> InvalidArgument:
    if name in _TABLES:
        return InvalidArgument(f"{where}: {name} = {_shown(value)}: a table is wanted", hint=f"for example: [{name}]")
    near = nearest(name, _BY_NAME) or next((known for known in _BY_NAME if known.rpartition(".")[2] == name), "")
    known = f"for example: {_BY_NAME[near].example}" if near else f"known are {', '.join(_BY_NAME)}"
    return InvalidArgument(
        f"{where}: {name} = {_shown(value)}: there is no such setting",
        hint=f"did you mean {near}? {known}" if near else known,
    )


def _shown(value: Any) -> str:
    text = repr(value).replace("'", '"') if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
