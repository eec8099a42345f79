"""Regular expressions of others, matched in linear time: those of Go's regexp, as name filters have them. Pure.

Python's own matcher tries one way after the other, and a pattern such as (a+)+$ takes it for ever. Here all ways are
followed at once (Thompson's construction), so that a match costs at most the text's length times the pattern's.

    alternation = sequence ("|" sequence)*      repetition = atom ("*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}") "?"?
    sequence = repetition*                      atom = character | "." | "[...]" | "\\d" | "^" | "$" | "\\b" | "(...)"

Left out of Go's: classes of Unicode (\\pL) and the flags m, s and U. Look-ahead and references back Go has not either.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sampan.engine.character_classes import ESCAPES, PERL, POSIX, WORD

_MOST_REPEATS = 1000
_MOST_STATES = 20_000
_DEEPEST = 100
_Test = Callable[[str], bool]  # of one character
_Place = Callable[[str, int], bool]  # of a position in a text


class PatternError(ValueError):
    """Not a regular expression, or one that is too large."""


class _State(NamedTuple):
    """A step: take a character that `test` accepts, be at a `place`, or neither; then go on with each of `to`."""

    to: tuple[int, ...]
    test: _Test | None = None
    place: _Place | None = None


class Pattern:
    """One expression. Raises PatternError."""

    def __init__(self, text: str) -> None:
        builder = _Builder(text)
        self._states, self._first, self._last = builder.states, builder.first, builder.last

    def search(self, text: str) -> bool:
        """Whether it matches anywhere in `text`."""
        current: set[int] = set()
        for position in range(len(text) + 1):
            self._enter(current, self._first, text, position)
            if self._last in current:
                return True
            if position == len(text):
                return False
            following: set[int] = set()
            for number in current:
                state = self._states[number]
                if state.test is not None and state.test(text[position]):
                    for target in state.to:
                        self._enter(following, target, text, position + 1)
            current = following
        return False

    def _enter(self, into: set[int], number: int, text: str, position: int) -> None:
        """Add a state and those that are reached without a character."""
        waiting = [number]
        while waiting:
            number = waiting.pop()
            if number in into:
                continue
            state = self._states[number]
            if state.place is not None and not state.place(text, position):
                continue
            into.add(number)
            if state.test is None:
                waiting.extend(state.to)


_Part = Callable[[int], int]  # makes the states of a part that go on with a given one: the number of its first


class _Builder:
    """Reads an expression. Parts are functions, because a repeated one is made several times."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._depth = 0
        self._ignores_case = False
        self.states: list[_State] = []
        part = self._alternation()
        if self._position < len(text):
            raise PatternError(f"unexpected ): `{text}`")
        self.last = self._add(_State(()))
        self.first = part(self.last)

    def _add(self, state: _State) -> int:
        if len(self.states) >= _MOST_STATES:
            raise PatternError("expression too large")
        self.states.append(state)
        return len(self.states) - 1

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _skip(self, what: str) -> bool:
        """Take `what` if it stands here: whether it did."""
        stands = self._text.startswith(what, self._position)
        self._position += len(what) if stands else 0
        return stands

    def _take(self) -> str:
        """The next character. Raises PatternError at the end."""
        character = self._peek()
        if not character:
            raise PatternError(f"unexpected end: `{self._text}`")
        self._position += 1
        return character

    def _alternation(self) -> _Part:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise PatternError("expression nests too deeply")
        choices = [self._sequence()]
        while self._skip("|"):
            choices.append(self._sequence())
        self._depth -= 1
        if len(choices) == 1:
            return choices[0]
        return lambda then: self._add(_State(tuple(choice(then) for choice in choices)))

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repetition())

        def make(then: int) -> int:
            for part in reversed(parts):
                then = part(then)
            return then

        return make

    def _repetition(self) -> _Part:
        part = self._atom()
        least, most = self._counts()
        while least is not None:
            self._skip("?")  # a lazy one matches where a greedy one does
            part = self._repeated(part, least, most)
            least, most = self._counts()
        return part

    def _repeated(self, part: _Part, least: int, most: int | None) -> _Part:
        def make(then: int) -> int:
            if most is None:
                again = self._add(_State(()))
                self.states[again] = _State((part(again), then))
                then = again
            end = then
            for _ in range((most or least) - least):
                first = part(then)
                if first == then:
                    break  # an empty part: more of it are the same, and might be made for ever
                then = self._add(_State((first, end)))
            for _ in range(least):
                before, then = then, part(then)
                if then == before:
                    break
            return then

        return make

    def _counts(self) -> tuple[int | None, int | None]:
        """(least, most) of the operator that stands here, (None, None) without one; most is None for no end."""
        for operator, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._skip(operator):
                return counts
        end = self._text.find("}", self._position)
        if self._peek() != "{" or end < 0:
            return None, None
        low, comma, high = self._text[self._position + 1 : end].partition(",")
        if not low.isdecimal() or not (high.isdecimal() or not high):
            return None, None  # then the brace stands for itself
        self._position = end + 1
        least = int(low)
        most = (int(high) if high else None) if comma else least
        if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
            raise PatternError(f"invalid repeat count: `{self._text}`")
        return least, most

    def _atom(self) -> _Part:
        character = self._take()
        if character in "*+?":
            raise PatternError(f"missing argument to repetition operator: `{character}`")
        if character == "(":
            return self._group()
        if character == "[":
            return self._one_of(self._set())
        if character == ".":
            return self._one_of(lambda found: found != "\n")
        if character == "^":
            return self._at(lambda text, position: position == 0)
        if character == "$":
            return self._at(lambda text, position: position == len(text))
        if character == "\\":
            return self._escaped()
        return self._one_of(self._equals(character))

    def _group(self) -> _Part:
        before = self._ignores_case
        if self._skip("?"):
            if self._skip("P<") or self._skip("<"):
                end = self._text.find(">", self._position)
                if end < 0:
                    raise PatternError(f"invalid named capture: `{self._text}`")
                self._position = end + 1
            elif self._flags() == ")":
                return lambda then: then  # they hold for the rest of the group around
        part = self._alternation()
        if not self._skip(")"):
            raise PatternError(f"missing closing ): `{self._text}`")
        self._ignores_case = before
        return part

    def _flags(self) -> str:
        """Read i, -i and the colon or bracket that ends them, which is returned."""
        is_on = True
        while (character := self._take()) not in (":", ")"):
            if character == "-":
                is_on = False
            elif character == "i":
                self._ignores_case = is_on
            else:
                raise PatternError(f"invalid or unsupported Perl syntax: `(?{character}`")
        return character

    def _escaped(self) -> _Part:
        character = self._take()
        if character.lower() in PERL:
            members = PERL[character.lower()]
            is_member = character.islower()
            return self._one_of(lambda found: (found in members) == is_member)
        if character in "bB":
            return self._at(lambda text, position: _is_boundary(text, position) == (character == "b"))
        if character in "Az":
            end = character == "z"
            return self._at(lambda text, position: position == (len(text) if end else 0))
        return self._one_of(self._equals(self._literal(character)))

    def _literal(self, character: str) -> str:
        """What a character stands for after a backslash."""
        if character in ESCAPES:
            return ESCAPES[character]
        if character.isalnum():
            raise PatternError(f"invalid escape sequence: `\\{character}`")
        return character

    def _equals(self, wanted: str) -> _Test:
        if self._ignores_case:
            folded = wanted.lower()
            return lambda found: found.lower() == folded
        return lambda found: found == wanted

    def _set(self) -> _Test:
        """What stands between square brackets."""
        is_negated = self._skip("^")
        members: set[str] = set()
        tests: list[_Test] = []
        is_first = True
        while is_first or self._peek() != "]":
            is_first = False
            if self._skip("[:"):
                members |= self._posix()
                continue
            low = self._take()
            if low == "\\":
                low = self._take()
                if low.lower() in PERL:
                    tests.append(_class_test(PERL[low.lower()], low.islower()))
                    continue
                low = self._literal(low)
            members.update(self._range(low))
        self._skip("]")
        if self._ignores_case:
            members |= {character.swapcase() for character in members}

        def test(found: str) -> bool:
            return (found in members or any(other(found) for other in tests)) != is_negated

        return test

    def _posix(self) -> frozenset[str]:
        name, closed, _ = self._text[self._position :].partition(":]")
        if not closed or name not in POSIX:
            raise PatternError(f"invalid character class range: `[:{name[:20]}`")
        self._position += len(name) + 2
        return POSIX[name]

    def _range(self, low: str) -> Iterator[str]:
        """The characters from `low` to what stands after a hyphen; `low` alone without one."""
        high = low
        if self._peek() == "-" and self._text[self._position + 1 : self._position + 2] not in ("]", ""):
            self._skip("-")
            high = self._take()
            high = self._literal(self._take()) if high == "\\" else high
        if high < low or ord(high) - ord(low) > _MOST_STATES:
            raise PatternError(f"invalid character class range: `{low}-{high}`")
        return (chr(number) for number in range(ord(low), ord(high) + 1))

    def _one_of(self, test: _Test) -> _Part:
        return lambda then: self._add(_State((then,), test=test))

    def _at(self, place: _Place) -> _Part:
        return lambda then: self._add(_State((then,), place=place))


def _class_test(members: frozenset[str], is_member: bool) -> _Test:
    return lambda found: (found in members) == is_member


def _is_boundary(text: str, position: int) -> bool:
    before = position > 0 and text[position - 1] in WORD
    after = position < len(text) and text[position] in WORD
    return before != after
