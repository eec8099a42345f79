"""Sets of characters as regular expressions name them; ASCII alone, as in Go's."""

WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_DIGITS = frozenset("0123456789")
_SPACES = frozenset("\t\n\f\r ")
_LETTERS = frozenset(character for character in WORD if character.isalpha())
PERL = {"d": _DIGITS, "w": WORD, "s": _SPACES}
POSIX = {
    "alnum": _LETTERS | _DIGITS,
    "alpha": _LETTERS,
    "digit": _DIGITS,
    "lower": frozenset(character for character in _LETTERS if character.islower()),
    "punct": frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "space": _SPACES | {"\v"},
    "upper": frozenset(character for character in _LETTERS if character.isupper()),
    "word": WORD,
    "xdigit": frozenset("0123456789abcdefABCDEF"),
}
ESCAPES = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
