"""What a plain word of YAML means: the core schema of YAML 1.2 (section 10.3.2), as Compose reads it. Pure.

`yes`, `on` and 22:22 are texts, which YAML 1.1 takes for booleans and a number to base 60; 0777 is octal, for modes
of files are written so.
"""

import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INTEGER = re.compile(r"([-+]?)(?:0o([0-7]+)|0x([0-9a-fA-F]+)|0b([01]+)|(0[0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES = (8, 16, 2, 8, 10)
_LONGEST_NUMBER = 100  # a longer one is no number that anybody meant, and slow to convert


def meaning(word: str) -> Scalar:
    """The value of a word without quotes or tag."""
    if word in _WORDS:
        return _WORDS[word]
    if len(word) > _LONGEST_NUMBER or word[0] not in "+-.0123456789":
        return word
    found = _INTEGER.fullmatch(word)
    if found is not None:
        sign, *digits = found.groups()
        number = next(int(text, base) for text, base in zip(digits, _BASES, strict=True) if text is not None)
        return -number if sign == "-" else number
    return float(word) if _FLOAT.fullmatch(word) else word
