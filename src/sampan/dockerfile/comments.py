"""Comments that describe what stands right below them."""

from collections.abc import Sequence

from sampan.dockerfile.instructions import Line

_DIRECTIVES = ("syntax", "escape", "check")


def above(lines: Sequence[str], line: Line) -> str:
    """The text of the comment in the line before `line`, without its #; "" where there is none, or a directive."""
    written = lines[line.first - 2].strip() if line.first > 1 else ""
    text = written.removeprefix("#").strip()
    name, equals, _ = text.partition("=")
    is_directive = bool(equals) and name.strip().lower() in _DIRECTIVES
    return text if written.startswith("#") and not is_directive else ""


def description(lines: Sequence[str], line: Line, name: str) -> str:
    """What the comment above says of `name`: the text behind it, "" where the comment does not begin with the name."""
    word, _, text = above(lines, line).partition(" ")
    return text.strip() if word == name else ""
