"""The patterns of a .dockerignore file.

One pattern a line; a line that begins with # is none. A pattern is anchored at the context's root and matches a path
or one of its parents; ! takes paths back in; the last pattern that matches decides. In a pattern stand the wildcards
of `glob`, and ** for any number of directories.

Matching follows BuildKit's walk of the context, which asks about a directory before what is in it, and keeps per
directory which patterns matched. A pattern that could change nothing at the directory is not tried there, so it does
not count as matched for what is below.
"""

from collections.abc import Callable
from typing import NamedTuple

from sampan.dockerfile import glob
from sampan.errors import InvalidArgument


class Rule(NamedTuple):
    """One pattern. `text` is the line as written, `line` its number from 1; `pattern` is cleaned and has no !."""

    text: str
    line: int
    pattern: str
    is_exception: bool
    matches: Callable[[str], object]


_Hits = tuple[bool, ...]


class Patterns:
    """The rules of one file, in order. Paths are relative to the context's root, with / and without . or .. parts."""

    __slots__ = ("_directories", "_exceptions", "rules")

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self._exceptions = tuple(rule for rule in rules if rule.is_exception)
        self._directories: dict[str, tuple[_Hits, Rule | None]] = {}

    def match(self, path: str) -> bool:
        """Whether `path` is kept out of the context. A directory that is kept out may hold paths that are not."""
        return self.explain(path) is not None

    def explain(self, path: str) -> Rule | None:
        """The rule that keeps `path` out, or None when nothing does."""
        if not self.rules or path in ("", "."):
            return None
        return self._judge(path)[1]

    def decisive(self, path: str) -> Rule | None:
        """The rule that has the last word on `path`, one that keeps it out or one that takes it back in; None when
        nothing is said of it."""
        if not self.rules or path in ("", "."):
            return None
        hits = self._judge(path)[0]
        return next((rule for rule, is_hit in zip(reversed(self.rules), reversed(hits), strict=True) if is_hit), None)

    def _judge(self, path: str) -> tuple[_Hits, Rule | None]:
        """Which rules match `path` or its parents, and the one that keeps it out."""
        inherited: _Hits = (False,) * len(self.rules)
        at = path.find("/")
        while at >= 0:  # from the root down, as a walk does; what is known of a directory is not asked again
            directory = path[:at]
            found = self._directories.get(directory)
            if found is None:
                found = self._directories[directory] = self._decide(directory, inherited)
            inherited = found[0]
            at = path.find("/", at + 1)
        return self._decide(path, inherited)

    def _decide(self, path: str, inherited: _Hits) -> tuple[_Hits, Rule | None]:
        """As `_judge`, given which rules match the parent."""
        hits: list[bool] = []
        cause: Rule | None = None
        for rule, is_inherited in zip(self.rules, inherited, strict=True):
            is_hit = is_inherited or (rule.is_exception == (cause is not None) and bool(rule.matches(path)))
            hits.append(is_hit)
            if is_hit:
                cause = None if rule.is_exception else cause or rule
        return tuple(hits), cause

    def could_contain_reincluded(self, directory: str) -> bool:
        """Whether an exception may take something below `directory` back in: False lets a walker leave it out whole."""
        return any(_may_match_below(rule.pattern, directory) for rule in self._exceptions)


def parse(text: str) -> Patterns:
    """Read a .dockerignore file. Raises InvalidArgument for a lone ! and for a malformed pattern, naming its line."""
    rules: list[Rule] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = line.rstrip("\r")
        written = line.strip()
        if not written or line.startswith("#"):
            continue
        is_exception = written.startswith("!")
        pattern = _cleaned(written[1:].strip() if is_exception else written)
        if not pattern:
            raise InvalidArgument('illegal exclusion pattern: "!"', hint=f"line {number} of .dockerignore")
        rules.append(Rule(written, number, pattern, is_exception, _matcher(pattern, written, number)))
    return Patterns(tuple(rules))


def parse_patterns(patterns: tuple[str, ...]) -> Patterns:
    """Rules from a list, as COPY --exclude gives them. Raises InvalidArgument."""
    return parse("\n".join(pattern.replace("\n", " ") for pattern in patterns))


def _cleaned(pattern: str) -> str:
    """The pattern with . and .. resolved and without a / at its start or end: Go's filepath.Clean, below the root."""
    if not pattern:
        return ""
    is_rooted = pattern.startswith("/")
    parts: list[str] = []
    for part in pattern.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part == ".." and is_rooted:
            continue
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "."


def _matcher(pattern: str, written: str, number: int) -> Callable[[str], object]:
    if not glob.has_wildcard(pattern):
        return pattern.__eq__
    try:
        glob.compile_pattern(pattern)
        if pattern.startswith("**") and not glob.has_wildcard(pattern[2:]):
            return _suffix_matcher(pattern[2:])
        return glob.compile_deep_pattern(pattern).fullmatch
    except InvalidArgument as error:
        raise InvalidArgument(
            f"{error.message}: {written}", hint=f"line {number} of .dockerignore; {error.hint}"
        ) from None


def _suffix_matcher(suffix: str) -> Callable[[str], object]:
    """**x matches what ends in x, also within a name; **/x what has x as its last parts."""
    name = suffix.removeprefix("/")
    return lambda path: path.endswith(suffix) or path == name


def _may_match_below(pattern: str, directory: str) -> bool:
    """Whether `pattern` could match a path below `directory`, judged part by part up to the first **."""
    parts = pattern.split("/")
    for depth, name in enumerate(directory.split("/")):
        if depth == len(parts):
            return True  # the exception names a parent: everything below it is meant
        if "**" in parts[depth]:
            return True
        if not _part_matches(parts[depth], name):
            return False
    return True


def _part_matches(part: str, name: str) -> bool:
    if not glob.has_wildcard(part):
        return part == name
    try:
        return bool(glob.compile_pattern(part).fullmatch(name))
    except InvalidArgument:  # a class that holds a slash was cut in two: let the walker look
        return True
