"""The guide's console blocks: what is a command, what is its output, when they match."""

import pytest

from sampan.testing.console import Step, is_as_expected, steps

PAGE = """# Title
```console
$ sampan ps -q
$ sampan run busybox echo \\
    a b
a b

$ true
```
```text
$ not run
```
```python
print(1)

print(2)
```
"""


def test_commands_and_their_output_are_found() -> None:
    assert steps(PAGE) == [
        Step("sampan ps -q", (), 3),
        Step("sampan run busybox echo a b", ("a b", ""), 4),
        Step("true", (), 8),
        Step("", (), 13, "print(1)\n\nprint(2)\n"),
    ]


@pytest.mark.parametrize(
    ("expected", "output", "matches"),
    [
        ((), "anything\n", True),
        (("a",), "a\n", True),
        (("a",), "a  \n", True),
        (("a",), "b\n", False),
        (("a",), "a\nb\n", False),
        (("a", "..."), "a\nb\nc\n", True),
        (("a", "..."), "a\n", True),
        (("...", "c"), "a\nb\nc\n", True),
        (("...", "c", "..."), "a\nb\n", False),
        (("a...z (...)",), "abcz (1)\n", True),
        (("a...z",), "ab\nz\n", False),
        (("1+1",), "1+1\n", True),
    ],
)
def test_output_matches_when_only_dots_differ(expected: tuple[str, ...], output: str, matches: bool) -> None:
    assert is_as_expected(expected, output) is matches
