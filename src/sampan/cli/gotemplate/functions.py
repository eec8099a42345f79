"""The functions that templates may call: text/template's own, and those that docker adds."""

from collections.abc import Callable, Mapping, Sequence

from sampan.cli.gotemplate.printf import sprintf
from sampan.cli.gotemplate.values import Record, Value, is_true, show, to_json, type_of

LONGEST_PADDING = 1_000_000


class FunctionFailed(Exception):
    """A call failed. `is_call`: the arguments did not fit; otherwise the function itself refused.

    `argument` is the place of the one that has not the type `wanted`, -1 when none is to blame.
    """

    def __init__(self, message: str, is_call: bool = False, argument: int = -1, wanted: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.is_call = is_call
        self.argument = argument
        self.wanted = wanted


def _wrong_type(argument: int, wanted: str, value: Value) -> FunctionFailed:
    message = f"wrong type for value; expected {wanted}; got {type_of(value)}"
    return FunctionFailed(message, is_call=True, argument=argument, wanted=wanted)


def _strings(name: str, *wanted: type | None) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Check number and types of the arguments before the call; None takes any value."""

    def wrap(function: Callable[..., Value]) -> Callable[..., Value]:
        def call(*arguments: Value) -> Value:
            if len(arguments) != len(wanted):
                raise FunctionFailed(
                    f"wrong number of args for {name}: want {len(wanted)} got {len(arguments)}", is_call=True
                )
            for place, (argument, kind) in enumerate(zip(arguments, wanted, strict=True)):
                if kind is not None and (not isinstance(argument, kind) or isinstance(argument, bool)):
                    raise _wrong_type(place, _GO_NAMES[kind], argument)
            return function(*arguments)

        return call

    return wrap


_GO_NAMES: dict[type, str] = {str: "string", int: "int", list: "[]string"}


def _print(*arguments: Value) -> Value:
    """Go's Sprint: a blank between two operands of which neither is a string."""
    parts: list[str] = []
    for index, argument in enumerate(arguments):
        if index and not isinstance(argument, str) and not isinstance(arguments[index - 1], str):
            parts.append(" ")
        parts.append(show(argument))
    return "".join(parts)


def _println(*arguments: Value) -> Value:
    return " ".join(show(argument) for argument in arguments) + "\n"


@_strings("join", None, str)
def _join(items: Value, separator: str) -> Value:
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise _wrong_type(0, "[]string", items)
    return separator.join(show(item) for item in items)


@_strings("split", str, str)
def _split(text: str, separator: str) -> Value:
    return text.split(separator) if separator else list(text)


@_strings("title", str)
def _title(text: str) -> Value:
    """Each word's first letter in upper case, the rest as it is."""
    out, starts = [], True
    for character in text:
        out.append(character.title() if starts else character)
        starts = not (character.isalnum() or character in "_'")
    return "".join(out)


@_strings("pad", str, int, int)
def _pad(text: str, before: int, after: int) -> Value:
    if not text:
        return text
    if max(before, after) > LONGEST_PADDING:
        raise FunctionFailed(f"padding longer than {LONGEST_PADDING}")
    return " " * before + text + " " * after


@_strings("truncate", str, int)
def _truncate(text: str, length: int) -> Value:
    return text if len(text) < length or length < 0 else text[:length]


@_strings("len", None)
def _len(value: Value) -> Value:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Sequence | Mapping):
        return len(value)
    if value is None:
        raise FunctionFailed("len of nil pointer")
    raise FunctionFailed(f"len of type {type_of(value)}")


def _index(*arguments: Value) -> Value:
    if not arguments:
        raise FunctionFailed("wrong number of args for index: want at least 1 got 0", is_call=True)
    value = arguments[0]
    for key in arguments[1:]:
        if value is None:
            raise FunctionFailed("index of nil pointer" if len(arguments) > 2 else "index of untyped nil")
        value = _index_one(value, key)
    return value


def _index_one(value: Value, key: Value) -> Value:
    if isinstance(value, Mapping):
        if not isinstance(key, str):
            raise FunctionFailed(f"value has type {type_of(key)}; should be string")
        return value.get(key, _zero_like(value))
    if isinstance(value, Record) or not isinstance(value, Sequence):
        raise FunctionFailed(f"can't index item of type {type_of(value)}")
    if isinstance(key, bool) or not isinstance(key, int):
        raise FunctionFailed(f"cannot index slice/array with type {type_of(key)}")
    if not 0 <= key < len(value):
        raise FunctionFailed(f"index out of range: {key}")
    item = value[key]
    return ord(item) if isinstance(value, str) and isinstance(item, str) else item


def _zero_like(value: Mapping[str, Value]) -> Value:
    """What Go's map of strings has for a key that it has not: ""; other maps give nil."""
    return "" if all(isinstance(item, str) for item in value.values()) else None


def _slice(*arguments: Value) -> Value:
    if not 1 <= len(arguments) <= 4:
        raise FunctionFailed(f"wrong number of args for slice: want at least 1 got {len(arguments)}", is_call=True)
    value, bounds = arguments[0], arguments[1:]
    if isinstance(value, Record | Mapping) or not isinstance(value, Sequence):
        raise FunctionFailed(f"can't slice item of type {type_of(value)}")
    places = [0, len(value)]
    for index, bound in enumerate(bounds[:2]):
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise FunctionFailed(f"cannot index slice/array with type {type_of(bound)}")
        if not 0 <= bound <= len(value):
            raise FunctionFailed(f"index out of range: {bound}")
        places[index] = bound
    if places[0] > places[1]:
        raise FunctionFailed(f"invalid slice index: {places[0]} > {places[1]}")
    return value[places[0] : places[1]]


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    return "string" if isinstance(value, str) else "other"


def _equal(left: Value, right: Value) -> bool:
    if left is None or right is None:
        return left is right
    if _kind(left) == "other" or _kind(right) == "other":
        raise FunctionFailed(f"non-comparable type {show(left)}: {type_of(left)}")
    if _kind(left) != _kind(right):
        raise FunctionFailed("incompatible types for comparison")
    return left == right


def _eq(*arguments: Value) -> Value:
    if len(arguments) < 2:
        raise FunctionFailed(
            "missing argument for comparison" if arguments else "wrong number of args for eq: want at least 1 got 0"
        )
    return any(_equal(arguments[0], other) for other in arguments[1:])


@_strings("ne", None, None)
def _ne(left: Value, right: Value) -> Value:
    return not _equal(left, right)


def _less(left: Value, right: Value) -> bool:
    if _kind(left) != _kind(right):
        raise FunctionFailed("incompatible types for comparison")
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    if isinstance(left, int | float) and isinstance(right, int | float) and not isinstance(left, bool):
        return left < right
    raise FunctionFailed("invalid type for comparison")


@_strings("lt", None, None)
def _lt(left: Value, right: Value) -> Value:
    return _less(left, right)


@_strings("le", None, None)
def _le(left: Value, right: Value) -> Value:
    return _less(left, right) or _equal(left, right)


@_strings("gt", None, None)
def _gt(left: Value, right: Value) -> Value:
    return not (_less(left, right) or _equal(left, right))


@_strings("ge", None, None)
def _ge(left: Value, right: Value) -> Value:
    return not _less(left, right)


def _printf(*arguments: Value) -> Value:
    if not arguments or not isinstance(arguments[0], str):
        got = type_of(arguments[0]) if arguments else "nothing"
        raise FunctionFailed(f"wrong type for value; expected string; got {got}", is_call=True)
    return sprintf(arguments[0], arguments[1:])


def _unreachable(*arguments: Value) -> Value:
    """`and` and `or` do not evaluate all of their arguments: the executor does them itself."""
    raise FunctionFailed("not a function", is_call=True)


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "and": _unreachable,
    "or": _unreachable,
    "not": _strings("not", None)(lambda value: not is_true(value)),
    "index": _index,
    "slice": _slice,
    "len": _len,
    "print": _print,
    "printf": _printf,
    "println": _println,
    "eq": _eq,
    "ne": _ne,
    "lt": _lt,
    "le": _le,
    "gt": _gt,
    "ge": _ge,
    "json": _strings("json", None)(to_json),
    "join": _join,
    "split": _split,
    "title": _title,
    "lower": _strings("lower", str)(str.lower),
    "upper": _strings("upper", str)(str.upper),
    "pad": _pad,
    "truncate": _truncate,
}
