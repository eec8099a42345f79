"""The values that templates work on, and how Go prints them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | Record | None"


class TemplateError(Exception):
    """A template that can't be executed. The message is Go's, with position."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.output = output


class TemplateParseError(TemplateError):
    """A template that can't be read."""


class Record:
    """A struct: its fields are known, and an unknown one is an error that names `type_name`.

    A field may be a function of strings, as the method in `{{.Label "role"}}`; such are left out of JSON.
    """

    __slots__ = ("fields", "type_name")
    open_maps: frozenset[str] = frozenset()  # fields that print as Go's maps do

    def __init__(self, type_name: str, fields: "Mapping[str, Value | Callable[[str], Value]]") -> None:
        self.type_name = type_name
        self.fields = fields

    def plain(self) -> dict[str, Value]:
        return {name: value for name, value in self.fields.items() if not callable(value)}

    def document(self) -> dict[str, Value]:
        """What JSON has: the same, unless the type names its fields there in another way."""
        return self.plain()


def is_true(value: Value) -> bool:
    """Go's truth: zero, false, nil and what is empty are false; a struct is always true."""
    return True if isinstance(value, Record) else bool(value)


def type_of(value: Value) -> str:
    """The name of the Go type that JSON decoding would have made."""
    if isinstance(value, Record):
        return value.type_name
    if isinstance(value, Mapping):
        return "map[string]interface {}"
    if isinstance(value, str):
        return "string"
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    return "float64" if isinstance(value, float) else "[]interface {}"


def show(value: Value, open_maps: frozenset[str] | None = None, is_open: bool = True) -> str:
    """`value` as Go's %v. With `open_maps`, a dict under another name prints as a struct: {VALUE VALUE}."""
    if value is None:
        return "map[]" if open_maps and is_open else "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return show_float(value)
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, Record):
        open_maps, is_open = value.open_maps, False
        value = value.plain()
    if isinstance(value, Mapping):
        inner = [(key, show(item, open_maps, open_maps is None or key in open_maps)) for key, item in value.items()]
        if is_open:
            return "map[" + " ".join(f"{key}:{text}" for key, text in sorted(inner)) + "]"
        return "{" + " ".join(text for _, text in inner) + "}"
    return "[" + " ".join(show(item, open_maps, False) for item in value) + "]"


def show_float(value: float) -> str:
    """Go's %v of a float64: the shortest digits that read back, with an exponent beyond 21 digits."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if value and not 1e-4 <= abs(value) < 1e21:
        mantissa, _, exponent = f"{value!r}".partition("e")
        if not exponent:
            mantissa, _, exponent = f"{value:.16e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent):+03d}"
    return f"{value:.0f}" if value == int(value) else repr(value)


def to_json(value: Value, indent: int | None = None) -> str:
    """JSON as Go's encoder writes it: no blanks, <, > and & escaped, keys in the order they have."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(_plain(value), ensure_ascii=False, separators=separators, indent=indent)
    for character, escape in _HTML:
        text = text.replace(character, escape)
    return text


_HTML = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


def _plain(value: Value) -> object:
    if isinstance(value, Record):
        return {name: _plain(item) for name, item in value.document().items()}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
