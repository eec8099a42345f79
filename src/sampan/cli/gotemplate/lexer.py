"""A template's text as tokens."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sampan.cli.gotemplate.values import TemplateParseError

KEYWORDS = frozenset(["if", "else", "end", "range", "with", "nil", "break", "continue", "define", "template", "block"])


class Token(NamedTuple):
    """`kind` is text, open, close, eof, space, keyword, or what the pattern's groups are called."""

    kind: str
    text: str
    position: int

    def __str__(self) -> str:
        """As Go names it in a complaint."""
        from sampan.cli.kinds import go_quote

        if self.kind == "eof":
            return "EOF"
        if self.kind == "keyword":
            return f"<{self.text}>"
        return f"{go_quote(self.text[:10])}..." if len(self.text) > 10 else go_quote(self.text)


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<declare>:=)
      | (?P<assign>=)
      | (?P<pipe>\|)
      | (?P<comma>,)
      | (?P<lparen>\()
      | (?P<rparen>\))
      | (?P<string>"(?:[^"\\\n]|\\[^\n])*")
      | (?P<raw>`[^`]*`)
      | (?P<char>'(?:[^'\\\n]|\\[^\n]+?)')
      | (?P<variable>\$\w*)
      | (?P<field>\.[^\W\d]\w*)
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
                         |(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?))
      | (?P<dot>\.)
      | (?P<word>[^\W\d]\w*)
    """,
    re.VERBOSE,
)
_BLANKS = " \t\r\n"
_AFTER_WORD = frozenset(_BLANKS + ".,|:()=")


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _code(character: str) -> str:
    return f"U+{ord(character):04X}" + (f" '{character}'" if character.isprintable() else "")


def fail(name: str, text: str, position: int, problem: str) -> TemplateParseError:
    return TemplateParseError(f"template: {name}:{line_of(text, position)}: {problem}")


def tokens(text: str, name: str) -> Iterator[Token]:
    """Tokens one by one; a problem is raised where it is met, as Go's lexer reports it."""
    position, trims = 0, False
    while True:
        start = text.find("{{", position)
        piece = text[position:] if start < 0 else text[position:start]
        if trims:
            piece = piece.lstrip(_BLANKS)
        trims_before = (
            start >= 0 and text[start + 2 : start + 3] == "-" and text[start + 3 : start + 4] in tuple(_BLANKS)
        )
        piece = piece.rstrip(_BLANKS) if trims_before else piece
        if piece:
            yield Token("text", piece, position)
        if start < 0:
            yield Token("eof", "", len(text))
            return
        inner = start + (4 if trims_before else 2)
        if text.startswith("/*", inner):
            position, trims = _comment(text, name, inner)
            continue
        yield Token("open", "{{", start)
        position = inner
        while (end := _close(text, position)) == 0:
            token = _next(text, name, position)
            yield token
            position += len(token.text)
        yield Token("close", "}}", position)
        trims, position = text[end - 3] == "-" and end - position > 2, end


def _comment(text: str, name: str, position: int) -> tuple[int, bool]:
    end = text.find("*/", position)
    if end < 0:
        raise fail(name, text, position, "unclosed comment")
    if text.startswith("}}", end + 2):
        return end + 4, False
    if text[end + 2 : end + 3] in tuple(_BLANKS) and text.startswith("-}}", end + 3):
        return end + 6, True
    raise fail(name, text, position, "comment ends before closing delimiter")


def _close(text: str, position: int) -> int:
    """The offset after the closing delimiter that stands at `position`, 0 when none does."""
    if text.startswith("}}", position):
        return position + 2
    if text[position : position + 1] in tuple(_BLANKS) and text.startswith("-}}", position + 1):
        return position + 4
    return 0


def _next(text: str, name: str, position: int) -> Token:
    if position >= len(text) or (text.startswith("\n", position) and not text[position:].strip()):
        raise fail(name, text, position, "unclosed action")
    match = _TOKEN.match(text, position)
    if match is None:
        character = text[position]
        if character == '"':
            raise fail(name, text, position, "unterminated quoted string")
        if character == "`":
            raise fail(name, text, position, "unterminated raw quoted string")
        if character == "'":
            raise fail(name, text, position, "unterminated character constant")
        if character.isascii() and character.isprintable():
            return Token("character", character, position)
        raise fail(name, text, position, f"unrecognized character in action: {_code(character)}")
    kind, word = str(match.lastgroup), match[0]
    if kind == "space":
        # a blank before the closing "-}}" belongs to it
        for offset in range(len(word)):
            if offset and _close(text, position + offset):
                word = word[:offset]
                break
    if kind in ("word", "field", "variable"):
        end = position + len(word)
        if end < len(text) and text[end] not in _AFTER_WORD and not text.startswith("}}", end):
            raise fail(name, text, position, f"bad character {_code(text[end])}")
    if kind == "word":
        kind = "bool" if word in ("true", "false") else "keyword" if word in KEYWORDS else "identifier"
    return Token(kind, word, position)
