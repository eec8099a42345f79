"""Names and words that others chose do not steer the terminal that they are printed on."""

import io

import pytest

from sampan.builder.failures import BuildFailed, Excerpt
from sampan.builder.progress.events import KEPT_LINES, Event, Failed, Missed, Output, Reporter, Started, Status, Warned
from sampan.builder.progress.plain import PlainPrinter
from sampan.builder.progress.terminal import TerminalPrinter
from sampan.cli.errors import report
from sampan.cli.format import Listing, render
from sampan.dockerfile import parser
from sampan.dockerfile.errors import visible
from sampan.dockerfile.instructions import Cmd
from sampan.errors import NotFound

EVIL = "a\x1b]0;owned\x07\x9b31m\r\udcff\u202eb"
SHOWN = "a\\x1b]0;owned\\x07\\x9b31m\\x0d\\udcff\\u202eb"


def test_what_steers_a_terminal_is_shown_as_escapes() -> None:
    assert visible(EVIL) == SHOWN
    assert visible("tab\tand\nline, ünïcödé \N{GRINNING FACE}") == "tab\tand\nline, ünïcödé \N{GRINNING FACE}"


@pytest.mark.parametrize(
    "event", [Status(1, EVIL), Missed(1, EVIL, f"{EVIL} changed", (EVIL,)), Failed(1, EVIL), Warned(EVIL)]
)
def test_plain_progress_shows_names_as_escapes(event: Event) -> None:
    stream = io.StringIO()
    with PlainPrinter(stream) as printer:
        printer(Started(1, EVIL))
        printer(event)
    printed = stream.getvalue()
    assert SHOWN in printed
    assert not set(printed) & set("\x1b\x07\r\x9b\udcff")


def test_plain_progress_leaves_a_commands_output_as_it_is() -> None:
    stream = io.StringIO()
    with PlainPrinter(stream) as printer:
        printer(Started(1, "RUN make"))
        printer(Output(1, 1, "\x1b[31mred\x1b[0m", 0.5))
    assert "#1 0.500 \x1b[31mred\x1b[0m\n" in stream.getvalue()


def test_progress_on_a_terminal_shows_no_foreign_escapes() -> None:
    stream = io.StringIO()
    with TerminalPrinter(stream, has_colour=False) as printer:
        printer(Started(1, EVIL))
        printer(Output(1, 1, EVIL, 0.5))
        printer(Missed(1, EVIL, f"{EVIL} changed", ()))
        printer(Warned(EVIL))
    assert "\x1b]" not in stream.getvalue()
    assert "\x07" not in stream.getvalue()


def test_errors_show_names_as_escapes() -> None:
    text, _ = report(NotFound(f"No such container: {EVIL}", hint=f"did you mean {EVIL}?"))
    assert text == f"Error response from daemon: No such container: {SHOWN}\nHint: did you mean {SHOWN}?"
    failed = BuildFailed(EVIL, step=EVIL, excerpt=Excerpt("Dockerfile", f"FROM {EVIL}", 1, 1))
    assert not set(failed.report()) & set("\x1b\x07\r\x9b\udcff")


def test_tables_show_names_as_escapes_and_templates_as_they_are() -> None:
    listing = Listing("x.y", {"Name": "NAME"}, ("Name",))
    assert "\x1b" not in render(listing, [{"Name": EVIL}], "", ("Name",))
    assert render(listing, [{"Name": EVIL}], "{{.Name}}", ("Name",)) == EVIL + "\n"


def test_a_line_without_an_end_is_handed_on_in_pieces() -> None:
    events: list[Event] = []
    work = Reporter(events.append).start("RUN cat /dev/zero")
    for _ in range(100):
        work.output(1, bytes(50_000))
    work.done()
    pieces = [event.line for event in events if isinstance(event, Output)]
    assert sum(map(len, pieces)) == 5_000_000
    assert max(map(len, pieces)) < 200_000
    assert len(work.lines) <= KEPT_LINES


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    (instruction,) = parser.parse('FROM a\nCMD ["\\ud800x", "\\ud83d\\ude00"]\n').stages[0].instructions
    assert isinstance(instruction, Cmd)
    assert instruction.command.exec == ("\ufffdx", "\N{GRINNING FACE}")
