"""Progress of pulls and pushes: plain lines in a pipe, lines that are redrawn on a terminal."""

import io

import pytest

from sampan.cli.image import progress
from sampan.images.progress import LayerStatus, Line, Warned

MIB = 1 << 20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in its first item."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "terminal_width", lambda: 100)
    return now


def test_a_pipe_gets_each_state_once(clock: list[float]) -> None:
    out, err = io.StringIO(), io.StringIO()
    show = progress.listener(out, err)
    for event in (
        Line("1: Pulling from app"),
        LayerStatus("aaaaaaaaaaaa", "Pulling fs layer"),
        LayerStatus("aaaaaaaaaaaa", "Downloading", MIB, 4 * MIB),
        LayerStatus("aaaaaaaaaaaa", "Download complete"),
        LayerStatus("aaaaaaaaaaaa", "Download complete"),
        Warned("a warning"),
    ):
        show(event)
    assert out.getvalue().splitlines() == [
        "1: Pulling from app",
        "aaaaaaaaaaaa: Pulling fs layer",
        "aaaaaaaaaaaa: Download complete",
    ]
    assert err.getvalue() == "a warning\n"


def test_a_pipe_hears_of_what_takes_long_with_rate_and_time_left(clock: list[float]) -> None:
    out = io.StringIO()
    show = progress.listener(out, out)
    for second in range(12):
        clock[0] = 100.0 + second
        show(LayerStatus("aaaaaaaaaaaa", "Downloading", second * 1_000_000 + 1, 100_000_000))
    assert out.getvalue() == "aaaaaaaaaaaa: Downloading 10MB/100MB  1MB/s 1m30s\n"


def test_a_terminal_changes_lines_in_place(clock: list[float]) -> None:
    out = Terminal()
    show = progress.listener(out, out)
    show(LayerStatus("aaaaaaaaaaaa", "Pulling fs layer"))
    show(LayerStatus("bbbbbbbbbbbb", "Pulling fs layer"))
    before = len(out.getvalue())
    clock[0] += 1
    show(LayerStatus("aaaaaaaaaaaa", "Downloading", MIB, 2 * MIB))
    drawn = out.getvalue()[before:]
    assert drawn.startswith("\033[2A\033[2K\raaaaaaaaaaaa: Downloading [=")
    assert drawn.endswith("\r\033[2B")
    assert len(drawn.split("\r")[1]) < 100


def test_a_narrow_terminal_gets_no_line_that_wraps(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "terminal_width", lambda: 40)
    out = Terminal()
    progress.listener(out, out)(LayerStatus("aaaaaaaaaaaa", "Downloading", MIB, 2 * MIB))
    assert max(map(len, out.getvalue().splitlines())) < 40


def test_silence_shows_nothing() -> None:
    out = io.StringIO()
    progress.listener(out, out, quiet=True)(Line("x"))
    assert out.getvalue() == ""


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0s"), (59, "59s"), (200, "3m20s"), (3900, "1h05m")])
def test_times_are_told_in_their_largest_units(seconds: float, text: str) -> None:
    assert progress.span(seconds) == text
