"""Variables in the texts of a Compose file (compose-spec, 12-interpolation). Pure.

    $NAME  ${NAME}          the variable, nothing where it is not set
    ${NAME:-x}  ${NAME-x}   x where it is not set; with the colon, where it is empty too
    ${NAME:?x}  ${NAME?x}   as before, but an error that says x
    ${NAME:+x}  ${NAME+x}   x where it is set; with the colon, where it is not empty
    $$                      a dollar sign

x may hold variables itself.
"""

import re
from collections.abc import Callable

from sampan.errors import InvalidArgument

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_DEEPEST = 20
_LONGEST = 1 << 16


def filled(text: str, look: Callable[[str], str | None]) -> str:
    """`text` with its variables filled in; `look` gives a variable's value, None where it is not set.

    Raises InvalidArgument for what has another form, and for a variable that is required and missing.
    """
    result, end = _filled(text, 0, look, 0)
    assert end == len(text)
    return result


def _filled(text: str, start: int, look: Callable[[str], str | None], depth: int) -> tuple[str, int]:
    """Fill in from `start` to the end, or to the brace that closes the expression around it."""
    parts: list[str] = []
    position = start
    while position < len(text) and not (depth and text[position] == "}"):
        if text[position] != "$":
            stop = re.compile(r"[$}]" if depth else r"\$").search(text, position)
            end = stop.start() if stop else len(text)
            parts.append(text[position:end])
        elif text.startswith("$$", position):
            parts.append("$")
            end = position + 2
        else:
            value, end = _variable(text, position, look, depth)
            parts.append(value)
        position = end
    result = "".join(parts)
    if len(result) > _LONGEST:
        raise InvalidArgument(f"a value is longer than {_LONGEST} characters once its variables are filled in")
    return result, position


def _variable(text: str, start: int, look: Callable[[str], str | None], depth: int) -> tuple[str, int]:
    """The value of the variable at `start`, where there is a dollar sign, and the position after it."""
    is_braced = text.startswith("${", start)
    name = _NAME.match(text, start + 2 if is_braced else start + 1)
    if name is None:
        raise _malformed(text)
    value, end = look(name[0]), name.end()
    if not is_braced:
        return value or "", end
    operator = _OPERATOR.match(text, end)
    if operator is None:
        return value or "", _closed(text, end)
    if depth == _DEEPEST:
        raise InvalidArgument(f"variables are nested more than {_DEEPEST} deep")
    kind = operator[0][-1]
    counts = value is not None and (bool(value) or not operator[0].startswith(":"))
    # The rest has to be well formed wherever it is not used: what it requires is required only where it is.
    uses_rest = counts if kind == "+" else not counts
    rest, end = _filled(text, operator.end(), look if uses_rest else lambda name: "x", depth + 1)
    end = _closed(text, end)
    if kind == "+":
        return rest if counts else "", end
    if counts:
        return value or "", end
    if kind == "?":
        raise InvalidArgument(
            f"required variable {name[0]} is missing a value: {rest}",
            hint=f"set it in the environment or in .env: {name[0]}=...",
        )
    return rest, end


def _closed(text: str, position: int) -> int:
    if not text.startswith("}", position):
        raise _malformed(text)
    return position + 1


def _malformed(text: str) -> InvalidArgument:
    return InvalidArgument(
        f'invalid interpolation format: "{text[:200]}"', hint="You may need to escape any $ with another $"
    )
