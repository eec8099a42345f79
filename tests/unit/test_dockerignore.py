""".dockerignore patterns and wildcards against a slow reference that is written from their definition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.dockerfile import glob, ignore
from sampan.errors import InvalidArgument


def slow_match(pattern: str, path: str) -> bool:
    """Go's path.Match with ** for directories, by trying every way to match; no classes."""
    if not pattern:
        return not path
    if pattern.startswith("**"):
        rest = pattern[2:].removeprefix("/")
        if not rest:
            return True
        starts = [0, *(at + 1 for at, letter in enumerate(path) if letter == "/")]
        return any(slow_match(rest, path[start:]) for start in starts)
    if pattern[0] == "*":
        end = (path + "/").index("/")
        return any(slow_match(pattern[1:], path[length:]) for length in range(end + 1))
    if not path:
        return False
    return (path[0] == pattern[0] or (pattern[0] == "?" and path[0] != "/")) and slow_match(pattern[1:], path[1:])


def slow_is_dropped(patterns: list[str], path: str) -> bool:
    """The walk from the root down, in which a pattern that can change nothing is not tried."""
    parts = path.split("/")
    matched = [False] * len(patterns)
    dropped = False
    for depth in range(1, len(parts) + 1):
        current = "/".join(parts[:depth])
        dropped = False
        for number, pattern in enumerate(patterns):
            is_exception = pattern.startswith("!")
            if not matched[number] and is_exception == dropped:
                matched[number] = slow_match(pattern.removeprefix("!"), current)
            if matched[number]:
                dropped = not is_exception
    return dropped


NAMES = st.sampled_from(["a", "b", "ab", "a.c", "*", "a*", "?", "**", "*b"])
PATTERNS = st.builds(
    lambda mark, parts: mark + "/".join(parts), st.sampled_from(["", "!"]), st.lists(NAMES, min_size=1, max_size=3)
)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "a.c"]), min_size=1, max_size=4).map("/".join)


@settings(max_examples=300)
@given(st.lists(PATTERNS, max_size=4), st.lists(PATHS, min_size=1, max_size=4))
def test_a_path_is_dropped_where_the_slow_reference_drops_it(patterns: list[str], paths: list[str]) -> None:
    read = ignore.parse("\n".join(patterns))

    for path in paths:
        assert read.match(path) == slow_is_dropped(patterns, path)


@settings(max_examples=200)
@given(st.lists(PATTERNS, max_size=4), PATHS)
def test_below_a_directory_that_is_pruned_nothing_is_taken_back(patterns: list[str], path: str) -> None:
    read = ignore.parse("\n".join(patterns))

    parts = path.split("/")
    for depth in range(1, len(parts)):
        directory = "/".join(parts[:depth])
        if read.match(directory) and not read.could_contain_reincluded(directory):
            assert read.match(path)


def test_the_rule_that_drops_a_path_is_named_with_its_line() -> None:
    rules = ignore.parse("# logs\n*.log\n\n tmp/ \n!keep.log\ntmp/cache\n")

    dropped = rules.explain("a.log")
    assert dropped is not None
    assert (dropped.text, dropped.line) == ("*.log", 2)
    assert rules.explain("keep.log") is None
    below = rules.explain("tmp/cache/x")
    assert below is not None
    assert (below.text, below.line) == ("tmp/", 4)


def test_an_exception_keeps_its_parents_from_being_pruned() -> None:
    rules = ignore.parse("*\n!src/**/*.py\n!docs/a.md\n")

    assert rules.match("src")
    assert rules.could_contain_reincluded("src")
    assert rules.could_contain_reincluded("docs")
    assert not rules.could_contain_reincluded("other")
    assert not rules.could_contain_reincluded("docs/deep")
    assert not rules.match("src/a/b.py")


@pytest.mark.parametrize("text", ["", "# only\n", "\n \n"])
def test_a_file_without_patterns_drops_nothing(text: str) -> None:
    assert not ignore.parse(text).match("a/b")


@pytest.mark.parametrize(
    ("text", "message"), [("!", "illegal exclusion pattern"), ("a\nb[", "syntax error in pattern: b[")]
)
def test_a_malformed_pattern_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ignore.parse(text)
    assert caught.value.message.startswith(message)
    assert "of .dockerignore" in caught.value.hint


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "d/a.txt", False),
        ("**", "a", True),
        ("**/a", "x/a", True),
        ("**/a", "x/y/a", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[!a]", "!", True),
        ("[[]a", "[a", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        (r"[\]]", "]", True),
        ("a.c", "abc", False),
    ],
)
def test_a_wildcard_matches_as_in_go(pattern: str, name: str, expected: bool) -> None:
    assert bool(glob.compile_pattern(pattern).fullmatch(name)) == expected


@pytest.mark.parametrize("pattern", ["[", "[a", "[]", "[]a]", "[a-]", "[-a]", "[^]", "\\", "a[\\", "[b-a]"])
def test_a_malformed_wildcard_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidArgument, match="syntax error in pattern"):
        glob.compile_pattern(pattern)


@given(st.text(max_size=20))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    for read in (ignore.parse, glob.compile_pattern, glob.compile_deep_pattern):
        try:
            read(text)
        except InvalidArgument as error:
            assert error.message


WILD = st.lists(st.sampled_from(["*", "**", "**/", "/", "a", "b", "?", "[a-b]", "[^a]", "\\*"]), max_size=10).map(
    "".join
)


@settings(deadline=None)
@given(WILD, st.text("ab/c*", max_size=90))
def test_many_wildcards_match_what_a_regular_expression_matches(pattern: str, path: str) -> None:
    for read in (glob.compile_pattern, glob.compile_deep_pattern):
        few, several = glob._FEW_WILD, glob._SEVERAL_WILD
        try:
            glob._FEW_WILD, glob._SEVERAL_WILD = 100, 100
            expected = bool(read(pattern).fullmatch(path))
            glob._FEW_WILD, glob._SEVERAL_WILD = -1, -1
            assert bool(read(pattern).fullmatch(path)) == expected
        except InvalidArgument:
            continue
        finally:
            glob._FEW_WILD, glob._SEVERAL_WILD = few, several


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**/" + "*a" * 60 + "b", "a" * 255),
        ("**/a" * 60 + "/b", "a/" * 2000 + "c"),
        ("**/*" * 60 + "b", "a/" * 2000),
        ("*" + "[a-b]*" * 60 + "c", "ab" * 120),
    ],
)
def test_a_pattern_made_to_take_forever_does_not(pattern: str, path: str) -> None:
    assert not ignore.parse(pattern).match(path)
    assert not glob.compile_deep_pattern(pattern).fullmatch(path)
