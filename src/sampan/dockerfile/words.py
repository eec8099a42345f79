"""Quotes, escapes and variables in the words of a Dockerfile.

The grammar, where E is the escape character of the file (backslash or backquote):

    text    = { 'literal' | "words with $" | E any | $name | ${substitution} | character }
    name    = letter or _ { letter | digit | _ } | digits | one of @ * # ? - $ !
    ${name}            the value, empty when unset
    ${name-text}       text when unset             ${name:-text}   text when unset or empty
    ${name+text}       text when set               ${name:+text}   text when set and not empty
    ${name?text}       an error when unset         ${name:?text}   an error when unset or empty
    ${name#pattern}    the shortest match at the start taken away, ## the longest
    ${name%pattern}    the shortest match at the end taken away, %% the longest
    ${name/pattern/text}  the first match replaced, // every match
"""

from collections.abc import Callable

from sampan.dockerfile import wildcard
from sampan.errors import InvalidArgument

Lookup = Callable[[str], str | None]

_SIGNS = "$'\"\\`"
_PARAMETERS = "@*#?$!-"
MAX_GROWTH = 1 << 20  # characters that a text may grow by; no process could be given a variable as long as that
_MAX_STEPS = 1 << 24
_MAX_DEPTH = 60  # substitutions within substitutions; more is no one's Dockerfile, and Python's stack is finite


def expand(text: str, lookup: Lookup, escape: str = "\\") -> str:
    """`text` with its variables replaced and its quotes and escapes taken away.

    `lookup` gives the value of a variable, or None when it is unset. Raises InvalidArgument for an unknown or
    unfinished substitution, an unbalanced quote, ${v?...} of an unset variable, and for what grows by more than
    MAX_GROWTH: a few lines that double a variable would fill any memory.
    """
    if any(sign in text for sign in _SIGNS):
        return _Reader(text, lookup, escape).read()[0]
    return text


def split_words(text: str, lookup: Lookup, escape: str = "\\") -> tuple[str, ...]:
    """`text` expanded, then split at blanks, also those of a variable's value, but not quoted or escaped ones."""
    return _Reader(text, lookup, escape).read()[1]


def expand_document(text: str, lookup: Lookup) -> str:
    """The text of a here-document with its variables replaced; quotes are kept, a backslash escapes what follows it."""
    if "$" not in text and "\\" not in text:
        return text
    return _Reader(text, lookup, "\\", quotes=False).read()[0]


def raw_words(line: str) -> tuple[str, ...]:
    """The shell words of a line with their quotes, escapes and variables as written; blanks between << and its word go.

    () when the line is no sequence of words (an unbalanced quote).
    """
    try:
        return _Reader(line, lambda name: None, "\\", raw=True).read()[1]
    except InvalidArgument:  # shell text need not follow our grammar; then it has no here-document that we know of
        return ()


def used_names(text: str) -> frozenset[str]:
    """The variables that a text mentions as $name or ${name...}, also in shell text and where an escape forbids it."""
    names: set[str] = set()
    for part in text.split("$")[1:]:
        start = 1 if part.startswith("{") else 0
        end = _name_end(part, start)
        if end > start and not part[start].isdigit():
            names.add(part[start:end])
    return frozenset(names)


def _name_end(text: str, position: int) -> int:
    """Where the name that begins at `position` ends: a run of letters, digits and _, or of digits alone."""
    is_number = text[position : position + 1].isdigit()
    while position < len(text):
        letter = text[position]
        if not (letter.isdigit() or (not is_number and (letter.isalpha() or letter == "_"))):
            break
        position += 1
    return position


def quote(text: str) -> str:
    """`text` between double quotes, escaped as Go's %q does."""
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\v": "\\v", "\f": "\\f", "\b": "\\b"}
    shown = "".join(
        named.get(letter) or (letter if letter.isprintable() else f"\\x{ord(letter):02x}") for letter in text
    )
    return f'"{shown}"'


class _Words:
    """Collects words: blanks of plain text and of values end a word, quoted and escaped ones belong to it."""

    __slots__ = ("word", "words")

    def __init__(self) -> None:
        self.word: list[str] = []
        self.words: list[str] = []

    def add(self, text: str) -> None:
        for letter in text:
            if letter.isspace():
                self.end()
            else:
                self.word.append(letter)

    def add_whole(self, text: str) -> None:
        if text:
            self.word.append(text)

    def end(self) -> None:
        if self.word:
            self.words.append("".join(self.word))
            self.word = []


class _Reader:
    """Reads one text from left to right. `raw` keeps quotes, escapes and unset variables as they are written."""

    __slots__ = ("depth", "escape", "limit", "lookup", "made", "position", "quotes", "raw", "raw_escapes", "text")

    def __init__(self, text: str, lookup: Lookup, escape: str, *, quotes: bool = True, raw: bool = False) -> None:
        self.text = text
        self.lookup = lookup
        self.escape = escape
        self.quotes = quotes
        self.raw = raw
        self.raw_escapes = raw
        self.position = 0
        self.depth = 0
        self.limit = len(text) + MAX_GROWTH
        self.made = 0  # characters that substitutions gave, those of inner ones counted again

    def read(self) -> tuple[str, tuple[str, ...]]:
        try:
            return self._until("")
        except InvalidArgument as error:
            raise InvalidArgument(f"failed to process {quote(self.text)}: {error.message}", hint=error.hint) from None

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _next(self) -> str:
        letter = self.text[self.position : self.position + 1]
        self.position += 1
        return letter

    def _until(self, stop: str) -> tuple[str, tuple[str, ...]]:
        """Read up to the character `stop`, which is consumed, or to the end when it is "": the text and its words."""
        result: list[str] = []
        words = _Words()
        while letter := self._peek():
            if letter == stop:
                self.position += 1
                words.end()
                return "".join(result), tuple(words.words)
            if letter == "$":
                part = self._dollar()
                words.add(part)
            elif self.quotes and letter in "'\"":
                part = self._single() if letter == "'" else self._double()
                words.add_whole(part)
            elif self.raw and letter == "<" and self.text.startswith("<<", self.position):
                part = self._heredoc_mark()
                words.add(part)
            elif letter == self.escape:
                part = self._escaped()
                words.add_whole(part)
            else:
                part = self._next()
                words.add(part)
            result.append(part)
        if stop:
            raise InvalidArgument(f"unexpected end of statement while looking for matching {stop}")
        words.end()
        return "".join(result), tuple(words.words)

    def _escaped(self) -> str:
        mark = self._next()
        return (mark if self.raw_escapes else "") + self._next()

    def _heredoc_mark(self) -> str:
        start = self.position
        self.position += 2
        if self._peek() == "-":
            self.position += 1
        mark = self.text[start : self.position]
        while self._peek().isspace():
            self.position += 1
        return mark

    def _single(self) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            self.position = len(self.text)
            raise InvalidArgument("unexpected end of statement while looking for matching single-quote")
        inside = self.text[self.position + 1 : end]
        self.position = end + 1
        return f"'{inside}'" if self.raw else inside

    def _double(self) -> str:
        self._next()
        result: list[str] = []
        while letter := self._peek():
            if letter == '"':
                self.position += 1
                inside = "".join(result)
                return f'"{inside}"' if self.raw else inside
            if letter == "$":
                result.append(self._dollar())
                continue
            self.position += 1
            if letter == self.escape:
                following = self._peek()
                if self.raw_escapes:
                    result.append(letter)
                if following == "":
                    continue
                if following in ('"', "$", self.escape):
                    letter = self._next()
                elif self.raw_escapes:
                    continue
            result.append(letter)
        raise InvalidArgument("unexpected end of statement while looking for matching double-quote")

    def _dollar(self) -> str:
        start = self.position
        self.position += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self.lookup(name)
            return self.text[start : self.position] if value is None and self.raw else self._counted(value or "")
        self.position += 1
        following = self._peek()
        if not following:
            raise InvalidArgument("syntax error: missing '}'")
        if following in "{}:":
            raise InvalidArgument("syntax error: bad substitution")
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise InvalidArgument("syntax error: bad substitution", hint="the substitutions are nested too deeply")
        result = self._substitution(self._name())
        self.depth -= 1
        return self.text[start : self.position] if self.raw else self._counted(result)

    def _counted(self, part: str) -> str:
        self.made += len(part)
        if self.made > self.limit:
            raise _too_large()
        return part

    def _name(self) -> str:
        start = self.position
        following = self._peek()
        self.position = start + 1 if following and following in _PARAMETERS else _name_end(self.text, start)
        return self.text[start : self.position]

    def _substitution(self, name: str) -> str:
        operator = self._next()
        if operator == "}":
            return self.lookup(name) or ""
        if operator == "/":
            return self._replaced(name)
        empty_counts_as_unset = operator == ":"
        if empty_counts_as_unset:
            operator = self._next()
        if not operator:
            raise InvalidArgument("syntax error: missing '}'")
        if operator not in "-+?#%":
            modifier = (":" if empty_counts_as_unset else "") + operator
            raise InvalidArgument(f"unsupported modifier ({modifier}) in substitution")
        word = self._part("}", raw_escapes=operator in "#%", missing="syntax error: missing '}'")
        value = self.lookup(name)
        if operator in "#%":
            if empty_counts_as_unset:
                raise InvalidArgument(f"unsupported modifier (:{operator}) in substitution")
            return _trimmed(value or "", operator, word)
        is_missing = value is None or (empty_counts_as_unset and value == "")
        if operator == "+":
            return "" if is_missing else word
        if not is_missing:
            return value or ""
        if operator == "-":
            return word
        state = "unset" if value is None else "empty"
        raise InvalidArgument(
            f"{name}: {word or f'is not allowed to be {state}'}", hint=f"set it with --build-arg {name}=VALUE or ENV"
        )

    def _replaced(self, name: str) -> str:
        is_every = self._peek() == "/"
        if is_every:
            self.position += 1
        pattern = self._part("/", raw_escapes=True, missing="syntax error: missing '/' in ${}")
        replacement = self._part("}", raw_escapes=True, missing="syntax error: missing '}'")
        value, tokens = self.lookup(name) or "", _pattern(pattern)
        _check_work(value, tokens)
        try:
            return wildcard.replace(value, tokens, replacement, is_every=is_every, limit=self.limit)
        except OverflowError:
            raise _too_large() from None

    def _part(self, stop: str, *, raw_escapes: bool, missing: str) -> str:
        """The text of a substitution up to `stop`; `missing` is the message when the text ends before."""
        outer, self.raw_escapes = self.raw_escapes, raw_escapes or self.raw
        try:
            return self._until(stop)[0]
        except InvalidArgument:
            if self.position >= len(self.text):
                raise InvalidArgument(missing) from None
            raise
        finally:
            self.raw_escapes = outer


def _trimmed(value: str, operator: str, pattern: str) -> str:
    is_longest = pattern.startswith(operator)
    tokens = _pattern(pattern[1:] if is_longest else pattern)
    _check_work(value, tokens)
    if operator == "#":
        return wildcard.trim_prefix(value, tokens, is_longest=is_longest)
    return wildcard.trim_suffix(value, tokens, is_longest=is_longest)


def _too_large() -> InvalidArgument:
    return InvalidArgument(
        f"the expanded text is larger than {MAX_GROWTH} characters", hint="a variable that holds itself twice doubles"
    )


def _check_work(value: str, tokens: wildcard.Pattern) -> None:
    """Matching takes at most as many steps as the product of both lengths."""
    if len(value) * len(tokens) > _MAX_STEPS:
        raise InvalidArgument("the pattern is too long for a value of this size")


def _pattern(pattern: str) -> wildcard.Pattern:
    try:
        return wildcard.parse(pattern)
    except ValueError as error:
        raise InvalidArgument(f"invalid pattern ({pattern}) in substitution: {error}") from None
