"""Wildcards of image names, as Go's path.Match has them."""

import pytest

from sampan.errors import InvalidArgument
from sampan.images.wildcards import matches


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "busybox", True),
        ("*", "team/app", False),
        ("*/*", "team/app", True),
        ("b?sybox", "busybox", True),
        ("a?b", "a/b", False),
        ("[a-c]at", "bat", True),
        ("[^a-c]at", "bat", False),
        ("[^a-c]at", "rat", True),
        ("a[^z]b", "a/b", True),
        ("[\\]a]", "]", True),
        ("\\*", "*", True),
        ("\\*", "x", False),
        ("app:1.*", "app:1.2", True),
        ("app:1.*", "app:132", False),
        ("[z-a]", "m", False),
    ],
)
def test_a_pattern_fits_as_in_go(pattern: str, text: str, fits: bool) -> None:
    assert matches(pattern, text) == fits


@pytest.mark.parametrize("pattern", ["[z", "[", "[]a]", "[-]", "[x-]", "[^", "a\\", "[a\\"])
def test_a_malformed_pattern_is_told_in_dockers_words(pattern: str) -> None:
    with pytest.raises(InvalidArgument, match="syntax error in pattern"):
        matches(pattern, "a")


def test_many_stars_are_one() -> None:
    assert not matches("*" * 1000 + "b", "a" * 200)
