"""Small things that a build says and reads: modes, Go's wording, excerpts, plain progress."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.builder.files import modes, owners
from sampan.builder.plan import wording
from sampan.builder.progress.events import Reporter, size_text
from sampan.builder.progress.plain import PlainPrinter
from sampan.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "before", "is_folder", "after"),
    [
        ("755", 0o644, False, 0o755),
        ("0600", 0o644, False, 0o600),
        ("4755", 0o644, False, 0o4755),
        ("u+x", 0o644, False, 0o744),
        ("u+x,go=", 0o644, False, 0o700),
        ("a+rX", 0o600, False, 0o644),
        ("a+rX", 0o700, True, 0o755),
        ("+x", 0o644, False, 0o755),
        ("go-w", 0o666, False, 0o644),
        ("u=rwX,go=rX", 0o755, False, 0o755),
        ("u=rwX,go=rX", 0o640, False, 0o644),
        ("g=u", 0o740, False, 0o770),
        ("u+s", 0o755, False, 0o4755),
        ("+t", 0o777, True, 0o1777),
    ],
)
def test_chmod_reads_octal_and_letters(text: str, before: int, is_folder: bool, after: int) -> None:
    assert oct(modes.parse(text)(before, is_folder)) == oct(after)


@pytest.mark.parametrize("text", ["999", "abc", "77777", "u~x", "", "755x"])
def test_a_bad_mode_is_refused_in_buildkits_words(text: str) -> None:
    with pytest.raises(InvalidArgument, match="it should be octal string and between 0 and 07777"):
        modes.parse(text)


@given(st.integers(0, 0o7777), st.booleans())
def test_an_octal_mode_does_not_depend_on_the_old_one(mode: int, is_folder: bool) -> None:
    assert modes.parse("0750")(mode, is_folder) == 0o750


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1500, "1.5µs"),
        (100_000_000, "100ms"),
        (1_500_000_000, "1.5s"),
        (60_000_000_000, "1m0s"),
        (5_400_000_000_000, "1h30m0s"),
        (3_600_000_000_000, "1h0m0s"),
    ],
)
def test_durations_are_printed_as_go_does(nanoseconds: int, text: str) -> None:
    assert wording.duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "'\\x00'"), (2, "'\\x02'"), (10, "'\\n'"), (39, "'\\''"), (48, "'0'"), (92, "'\\\\'")]
)
def test_numbers_are_quoted_as_characters(number: int, text: str) -> None:
    assert wording.quoted_number(number) == text


def test_owners_are_looked_up_in_the_stage() -> None:
    passwd, group = "bob:x:1000:1001::/:/bin/sh\n", "staff:x:50:\n"
    assert owners.resolve("bob", passwd, group) == (1000, 1001)
    assert owners.resolve("bob:staff", passwd, group) == (1000, 50)
    assert owners.resolve("7", passwd, group) == (7, 7)
    assert owners.resolve("7:8", passwd, group) == (7, 8)
    with pytest.raises(InvalidArgument, match="unable to find user eve"):
        owners.resolve("eve", passwd, group)


def test_plain_progress_has_buildkits_shape_and_tells_interleaved_steps_apart() -> None:
    stream = io.StringIO()
    reporter = Reporter(PlainPrinter(stream))
    one = reporter.start("[a 2/2] RUN x")
    one.missed("ARG V changed 1 -> 2", ())
    two = reporter.start("[b 2/2] RUN y")
    two.missed("never built here", ())
    one.output(1, b"hel")
    one.output(1, b"lo\nrest")
    two.cached()
    one.failed("no")
    lines = stream.getvalue().split("\n")
    assert lines[:9] == [
        "#1 [a 2/2] RUN x",
        "#1 RUN x rebuilt: ARG V changed 1 -> 2",
        "",
        "#2 [b 2/2] RUN y",
        "#2 RUN y built: never built here",
        "",
        "#1 [a 2/2] RUN x",
        lines[7],
        "",
    ]
    assert lines[7].startswith("#1 0.") and lines[7].endswith(" hello")
    assert lines[9:12] == ["#2 [b 2/2] RUN y", "#2 CACHED", ""]
    assert lines[-2] == "#1 ERROR: no"
    assert [line.split(" ", 1)[1] for line in one.lines] == ["hello", "rest"]


@pytest.mark.parametrize(("size", "text"), [(2, "2B"), (999, "999B"), (1240, "1.24kB"), (123_456, "123.5kB")])
def test_sizes_read_as_buildkits(size: int, text: str) -> None:
    assert size_text(size) == text
