"""Flags: a table for each command, and the parser that follows pflag's rules as docker's CLI uses it.

`-itp 80:80`, `-p80:80`, `-p=80:80`, `--name x`, `--name=x`, `--rm=false`, `--` ends the flags. Where flags are not
interspersed they end at the first word that is none. The same tables give the help text.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from sampan.cli.kinds import BOOL, FILTER, STRING, Kind, go_quote
from sampan.errors import Unsupported
from sampan.values import NamedTuple

T = TypeVar("T")


class Flag(NamedTuple):
    """One flag. `default` is the value without it (None: the kind's zero); `shown_default` is for the help.

    `sets` is the flag that an alias stands for. `deprecated` is the advice printed when it is used. `hidden` leaves it
    out of the help. `excludes` names flags that must not stand beside it.
    """

    name: str
    kind: Kind
    help: str
    short: str = ""
    default: object = None
    shown_default: str = ""
    sets: str = ""
    deprecated: str = ""
    hidden: bool = False
    excludes: tuple[str, ...] = ()


class FlagProblem(Exception):
    """The command line can't be read. `suggestion` is a flag that may have been meant."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion


class FlagConflict(FlagProblem):
    """Two flags that exclude each other."""


class HelpWanted(Exception):
    """--help was given."""


class Parsed:
    """What a command line said: values by the flag's long name, and the words that are no flags."""

    __slots__ = ("_values", "arguments", "given", "warnings")

    def __init__(self, values: dict[str, object]) -> None:
        self._values = values
        self.arguments: list[str] = []
        self.given: set[str] = set()
        self.warnings: list[str] = []

    def is_given(self, name: str) -> bool:
        """Whether the flag (or an alias of it) stood on the command line."""
        return name in self.given

    def boolean(self, name: str) -> bool:
        return cast(bool, self._values[name])

    def string(self, name: str) -> str:
        return cast(str, self._values[name])

    def integer(self, name: str) -> int:
        """An int, a size in bytes, a duration in ns or billionths of a CPU."""
        return cast(int, self._values[name])

    def strings(self, name: str) -> tuple[str, ...]:
        return tuple(cast("Sequence[str]", self._values[name]))

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """The name=value pairs of a --filter."""
        return tuple(cast("Sequence[tuple[str, str]]", self._values[name]))

    def mapping(self, name: str) -> Mapping[str, str]:
        return cast("Mapping[str, str]", self._values[name])

    def items(self, name: str, kind: type[T]) -> tuple[T, ...]:
        """Values of a list flag whose reader makes them of type `kind`."""
        return tuple(cast("Sequence[T]", self._values[name]))

    def put(self, flag: Flag, text: str) -> None:
        """Read `text` for `flag`. Raises ValueError with the reason."""
        name = flag.sets or flag.name
        value = flag.kind.read(text)
        if flag.kind.gathers in ("list", "slice"):
            items = cast("Sequence[object]", self._values[name]) if name in self.given else ()
            added = (value,) if flag.kind.gathers == "list" else cast("Sequence[object]", value)
            self._values[name] = [*items, *added]
        elif flag.kind.gathers == "map":
            key, item = cast("tuple[str, str]", value)
            old = cast("Mapping[str, str]", self._values[name]) if name in self.given else {}
            self._values[name] = {**old, key: item}
        else:
            self._values[name] = value
        self.given.add(name)
        if flag.deprecated:
            self.warnings.append(f"Flag --{flag.name} has been deprecated, {flag.deprecated}")


def parse(flags: Sequence[Flag], words: Sequence[str], *, interspersed: bool = True) -> Parsed:
    """Read `words`. Raises FlagProblem with pflag's message, HelpWanted for --help (and -h where it is free)."""
    parsed = Parsed({flag.name: flag.kind.zero if flag.default is None else flag.default for flag in flags})
    long = {flag.name: flag for flag in flags}
    short = {flag.short: flag for flag in flags if flag.short}
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if word == "--":
            parsed.arguments.extend(reversed(rest))
            break
        if word.startswith("--"):
            _take_long(parsed, long, word, rest)
        elif word.startswith("-") and len(word) > 1:
            _take_short(parsed, short, word, rest)
        else:
            parsed.arguments.append(word)
            if not interspersed:
                parsed.arguments.extend(reversed(rest))
                break
    _check_exclusions(parsed, flags)
    return parsed


def _take_long(parsed: Parsed, flags: Mapping[str, Flag], word: str, rest: list[str]) -> None:
    name, equals, value = word[2:].partition("=")
    if not name or name.startswith("-"):
        raise FlagProblem(f"bad flag syntax: {word}")
    flag = flags.get(name)
    if flag is None:
        if name == "help":
            raise HelpWanted
        from sampan.spelling import nearest

        near = nearest(name, (flag.name for flag in flags.values() if not flag.hidden))
        raise FlagProblem(f"unknown flag: --{name}", f"--{near}" if near else "")
    if not equals:
        if flag.kind.implied is not None:
            value = flag.kind.implied
        elif rest:
            value = rest.pop()
        else:
            raise FlagProblem(f"flag needs an argument: --{name}")
    _put(parsed, flag, value)


def _take_short(parsed: Parsed, flags: Mapping[str, Flag], word: str, rest: list[str]) -> None:
    letters = word[1:]
    while letters:
        letter, tail = letters[0], letters[1:]
        flag = flags.get(letter)
        if flag is None:
            if letter == "h":
                raise HelpWanted
            raise FlagProblem(f"unknown shorthand flag: '{letter}' in -{letters}")
        if tail.startswith("=") and len(tail) > 1:
            value, tail = tail[1:], ""
        elif flag.kind.implied is not None:
            value = flag.kind.implied
        elif tail:
            value, tail = tail, ""
        elif rest:
            value = rest.pop()
        else:
            raise FlagProblem(f"flag needs an argument: '{letter}' in -{letters}")
        _put(parsed, flag, value)
        letters = tail


def _put(parsed: Parsed, flag: Flag, text: str) -> None:
    try:
        parsed.put(flag, text)
    except ValueError as reason:
        shown = f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"
        raise FlagProblem(f'invalid argument {go_quote(text)} for "{shown}" flag: {reason}') from None


def _check_exclusions(parsed: Parsed, flags: Sequence[Flag]) -> None:
    for flag in flags:
        if flag.excludes and flag.name in parsed.given:
            for other in flag.excludes:
                if other in parsed.given:
                    raise FlagConflict(f"conflicting options: cannot specify both --{flag.name} and --{other}")


def refuse(parsed: Parsed, *names: str) -> None:
    """Flags of docker's that a command reads only to say that it has nothing for them. Raises Unsupported."""
    for name in names:
        if name in parsed.given:
            raise Unsupported(f"--{name} is not supported by this version of sampan")


def format_flag() -> Flag:
    """The --format of listings, without a shorthand."""
    return Flag("format", STRING, "Print each one as 'json', 'table', 'table TEMPLATE' or through a Go TEMPLATE")


def inspect_format_flag() -> Flag:
    """The -f of what prints one document."""
    return Flag("format", STRING, "Print it as 'json' or through a Go TEMPLATE", "f")


def filter_flag(short: str = "f") -> Flag:
    return Flag("filter", FILTER, "Show only what matches, such as 'label=KEY=VALUE'", short)


def quiet_flag(what: str = "Print only IDs") -> Flag:
    return Flag("quiet", BOOL, what, "q")


def no_trunc_flag() -> Flag:
    return Flag("no-trunc", BOOL, "Print whole IDs and fields")


def force_flag(what: str = "Do not ask for confirmation") -> Flag:
    return Flag("force", BOOL, what, "f")
