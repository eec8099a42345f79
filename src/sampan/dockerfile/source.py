"""The lines of a Dockerfile: directives, comments, continuations and here-documents.

Nothing is known here of what instructions mean, but that RUN, COPY and ADD, and ONBUILD of these, may carry
here-documents.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sampan.dockerfile import words
from sampan.dockerfile.errors import ParseError
from sampan.dockerfile.instructions import Heredoc, Line, Warning_
from sampan.errors import InvalidArgument

MAX_LINE_BYTES = 65535

_KNOWN_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_HEREDOC_CARRIERS = frozenset({"run", "copy", "add"})


class Statement(NamedTuple):
    """One instruction with its continuation lines joined, and the here-documents that follow it."""

    line: Line
    heredocs: tuple[Heredoc, ...]


class Source(NamedTuple):
    """A Dockerfile as statements. `escape` is a backslash or backquote; `syntax` and `check` are "" when not given."""

    statements: tuple[Statement, ...]
    escape: str
    syntax: str
    check: str
    warnings: tuple[Warning_, ...]


class HeredocWord(NamedTuple):
    name: str
    expand: bool
    chomp: bool


def read(text: str) -> Source:
    """Raises ParseError: a directive given twice, an unknown escape, a line over 65535 bytes, an unterminated
    here-document, no instruction at all."""
    lines = _split(text)
    directives = _directives(lines)
    escape = directives.get("escape", "\\")
    reader = _Reader(lines, escape)
    statements = tuple(reader.statements())
    if not statements:
        raise ParseError(
            "file with no instructions" if text else "the Dockerfile cannot be empty",
            line=len(lines),
            hint="a Dockerfile begins with FROM and the image to build on",
        )
    return Source(
        statements,
        escape,
        directives.get("syntax") or _syntax_behind_shebang(lines),
        directives.get("check", ""),
        tuple(reader.warnings),
    )


def heredoc_word(word: str) -> HeredocWord | None:
    """What a shell word as [fd]<<[-]NAME announces; None when it is no such word. Quotes in NAME forbid expansion."""
    descriptor, mark, written = word.partition("<<")
    if not mark or (descriptor and not descriptor.isdigit()) or "<" in written:
        return None
    chomp = written.startswith("-")
    written = written.removeprefix("-").lstrip()
    try:
        names = words.split_words(written, _as_written)
    except InvalidArgument:  # an unbalanced quote: the shell's business
        return None
    if len(names) != 1:
        return None
    name = names[0]
    quotes = written.count("'") + written.count('"')
    return HeredocWord(name, name.count("'") + name.count('"') == quotes, chomp)


def _as_written(name: str) -> str:
    """The value of a variable in a here-document's word, where none is replaced: the variable itself."""
    return "$" + name


def _split(text: str) -> list[str]:
    """The lines without their ends; an end of line at the end of the text begins no further line."""
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, 1):
        if len(line) * 4 > MAX_LINE_BYTES and len(line.encode(errors="surrogatepass")) > MAX_LINE_BYTES:
            raise ParseError(
                f"dockerfile line greater than max allowed size of {MAX_LINE_BYTES}",
                line=number,
                hint="split the line, or COPY the data from a file",
            )
    return lines


def _directives(lines: list[str]) -> dict[str, str]:
    """The parser directives at the top; the first line that is none ends them."""
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, value = _directive(line)
        if name not in _KNOWN_DIRECTIVES or not value:
            break
        if name in found:
            raise ParseError(f"only one {name} parser directive can be used", line=number)
        if name == "escape" and value not in ("\\", "`"):
            raise ParseError(f"invalid escape token '{value}' does not match ` or \\", line=number)
        found[name] = value
    return found


def _directive(line: str) -> tuple[str, str]:
    """Name, in lower case, and value of a line like # name = value; "" and "" for another line."""
    text = line.strip()
    if not text.startswith("#"):
        return "", ""
    name, _, value = text[1:].partition("=")
    return name.strip().lower(), value.strip()


def _syntax_behind_shebang(lines: list[str]) -> str:
    """The syntax directive may also follow a #! line, which ends the other directives."""
    if lines[0].startswith("#!"):
        for line in lines[1:]:
            name, value = _directive(line)
            if name == "syntax":
                return value
            if name not in _KNOWN_DIRECTIVES:
                break
    return ""


def _may_carry_heredocs(text: str) -> bool:
    """Whether the instruction is RUN, COPY or ADD, or ONBUILD of one."""
    for word in text.split(maxsplit=3)[:3]:
        if word.lower() != "onbuild":
            return word.lower() in _HEREDOC_CARRIERS
    return False


class _Reader:
    __slots__ = ("_escape", "_lines", "_next", "warnings")

    def __init__(self, lines: list[str], escape: str) -> None:
        self._lines = lines
        self._escape = escape
        self._next = 0
        self.warnings: list[Warning_] = []

    def statements(self) -> Iterator[Statement]:
        while self._next < len(self._lines):
            first = self._next + 1
            text = self._lines[self._next].strip("\r").lstrip()
            self._next += 1
            if text.startswith("#"):
                continue
            text, is_continued = self._without_escape(text)
            if not text and not is_continued:
                continue
            if is_continued:
                text = self._continued(text)
            heredocs = tuple(self._heredocs(text, first)) if "<<" in text else ()
            yield Statement(Line(first, self._next, text), heredocs)

    def _without_escape(self, line: str) -> tuple[str, bool]:
        """The line up to an escape character at its end, and whether there is one; a doubled one is none."""
        text = line.rstrip(" \t")
        if not text.endswith(self._escape) or text.endswith(self._escape * 2):
            return line, False
        return text[:-1], True

    def _continued(self, text: str) -> str:
        """`text` with the lines after it; comments and empty lines among them are dropped, the latter warn."""
        parts = [text]
        has_empty_line = False
        is_continued = True
        while is_continued and self._next < len(self._lines):
            line = self._lines[self._next].rstrip("\r")
            self._next += 1
            stripped = line.lstrip()
            if stripped.startswith("#"):
                continue
            if not stripped:
                has_empty_line = True
                continue
            line, is_continued = self._without_escape(line)
            parts.append(line)
        if has_empty_line:
            self.warnings.append(Warning_("NoEmptyContinuation", "Empty continuation line", self._next))
        return "".join(parts)

    def _heredocs(self, text: str, first: int) -> Iterator[Heredoc]:
        if not _may_carry_heredocs(text):
            return
        for shell_word in words.raw_words(text):
            word = heredoc_word(shell_word)
            if word is not None:
                yield Heredoc(word.name, self._document(word, first), word.expand, word.chomp)

    def _document(self, word: HeredocWord, first: int) -> str:
        content: list[str] = []
        while self._next < len(self._lines):
            line = self._lines[self._next]
            self._next += 1
            end = line.rstrip("\r")
            if (end.lstrip("\t") if word.chomp else end) == word.name:
                return "".join(content)
            content.append((line.lstrip("\t") if word.chomp else line) + "\n")
        raise ParseError(
            "unterminated heredoc",
            line=first,
            last=len(self._lines),
            hint=f"end it with a line that holds only {word.name}; to pass << to the shell, quote it",
        )
