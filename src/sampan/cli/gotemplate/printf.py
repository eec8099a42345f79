"""Go's Sprintf for the values that templates have."""

import re
from collections.abc import Sequence

from sampan.cli.gotemplate.values import Value, show, type_of
from sampan.cli.kinds import go_quote

_VERB = re.compile(r"%([-+# 0]*)(\d*)(?:\.(\d*))?([a-zA-Z%]?)")
_WIDEST = 1_000_000


def sprintf(pattern: str, arguments: Sequence[Value]) -> str:
    """What does not fit is written into the text, as Go does: %!d(string=x), %!s(MISSING), %!(EXTRA int=1)."""
    rest = list(arguments)
    out: list[str] = []
    position = 0
    for match in _VERB.finditer(pattern):
        out.append(pattern[position : match.start()])
        position = match.end()
        verb = match[4]
        if verb == "%":
            out.append("%")
        elif not verb:
            out.append("%!(NOVERB)")
        elif not rest:
            out.append(f"%!{verb}(MISSING)")
        elif int(match[2] or 0) > _WIDEST or int(match[3] or 0) > _WIDEST:
            out.append("%!(BADWIDTH)")
            rest.pop(0)
        else:
            out.append(_format(verb, rest.pop(0), match[1], match[2], match[3]))
    out.append(pattern[position:])
    if rest:
        out.append("%!(EXTRA " + ", ".join(f"{type_of(value)}={show(value)}" for value in rest) + ")")
    return "".join(out)


def _format(verb: str, value: Value, flags: str, width: str, precision: str | None) -> str:
    text = _convert(verb, value, flags, precision)
    if text is None:
        return f"%!{verb}({type_of(value)}={show(value)})"
    padding = " " * (int(width or 0) - len(text))
    if "-" in flags:
        return text + padding
    if "0" in flags and padding and verb in "dxXobfFeEgG":
        sign = text[0] if text[:1] in ("-", "+") else ""
        return sign + "0" * len(padding) + text[len(sign) :]
    return padding + text


def _convert(verb: str, value: Value, flags: str, precision: str | None) -> str | None:
    """The bare text, None when the verb does not take the value."""
    if verb in "vs":
        text = show(value)
        if verb == "s" and isinstance(value, int | float):
            return None
        return text[: int(precision or 0)] if precision is not None and isinstance(value, str) else text
    if verb == "T":
        return type_of(value)
    if verb == "q":
        return go_quote(value) if isinstance(value, str) else None
    if verb == "t":
        return show(value) if isinstance(value, bool) else None
    if verb in "xX" and isinstance(value, str):
        text = value.encode(errors="surrogateescape").hex()
        return text.upper() if verb == "X" else text
    if isinstance(value, bool):
        return None
    sign = "+" if "+" in flags else ""
    if verb in "dxXobc" and isinstance(value, int):
        alternate = "#" if "#" in flags else ""
        return chr(value) if verb == "c" and 0 <= value < 0x110000 else format(value, f"{sign}{alternate}{verb}")
    if verb in "fFeEgG" and isinstance(value, float):
        digits = f".{precision or 0}" if precision is not None else ("" if verb in "gG" else ".6")
        return show(value) if verb == "g" and not digits else format(value, f"{sign}{digits}{verb}")
    return None
