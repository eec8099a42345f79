"""Name patterns: they match as Python's own do where both speak the same language, and never take for ever."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.engine.pattern import Pattern, PatternError

PIECES = ("a", "b", "-", "1", ".", "a*", "b+", "(ab)?", "[ab]", "[^a]", "[a-c1]", "\\d", "\\w", "\\.", "^", "$", "\\b",
          "(a|b)", "(?:ab|1)*", "a{2}", "(b|a){1,2}", "a{0,}", "b*?", "[-a]", "[]a]", "\\D", "(?i:A)", "")  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=5), st.text("ab1-.c", max_size=7))
def test_a_pattern_matches_where_python_s_does(pieces: list[str], text: str) -> None:
    pattern = "".join(pieces)
    try:
        expected = re.compile(pattern)
    except re.error:
        return
    assert Pattern(pattern).search(text) == bool(expected.search(text)), pattern


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("^/?web$", "/web", True),
        ("^/?web$", "web2", False),
        ("(?i)WEB", "my-web-1", True),
        ("(?i)[A-C]x(?-i)y", "bXy", True),
        ("(?i)[A-C]x(?-i)y", "bXY", False),
        ("[[:alpha:]]+_[[:digit:]]$", "db_7", True),
        ("(?P<name>a+)b", "caab", True),
        ("a{,2}", "a{,2}", True),
        ("x{", "x{", True),
        ("", "anything", True),
        ("\\Aweb\\z", "web", True),
        ("(|a)b", "b", True),
    ],
)
def test_what_go_s_patterns_have(pattern: str, text: str, matches: bool) -> None:
    assert Pattern(pattern).search(text) == matches


@pytest.mark.parametrize(
    "pattern",
    [
        "[",
        "(",
        ")",
        "*",
        "a**b)",
        "\\",
        "[b-a]",
        "(?=a)",
        "(?P<x",
        "\\1",
        "a{1001}",
        "[[:nope:]]",
        "(" * 200 + ")" * 200,
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        Pattern(pattern)


def test_patterns_that_grow_without_end_are_refused() -> None:
    with pytest.raises(PatternError):
        Pattern("((a{100}){100}){100}")


def test_a_pattern_that_has_python_try_for_ever_is_matched_at_once() -> None:
    assert not Pattern("^(a+)+$").search("a" * 200 + "!")
    assert not Pattern("(a|a)*(a|aa)*b").search("a" * 300)


def test_nothing_repeated_is_nothing_however_often() -> None:
    assert Pattern("(((){1000}){1000}){1000}b").search("ab")
    assert Pattern("((((){0,1000}){0,1000}){0,1000})b").search("ab")
