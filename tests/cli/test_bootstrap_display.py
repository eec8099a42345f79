"""The progress of `sampan image bootstrap`."""

import io

from sampan.cli.image.bootstrap import Display

STEPS = (("downloading", 5), ("downloading", 40), ("installing", 60), ("installing", 100))


class Screen(io.StringIO):
    """Takes text as a terminal would."""

    def isatty(self) -> bool:
        return True


def show(output: io.StringIO, *, quiet: bool = False) -> str:
    display = Display(output, quiet=quiet)
    for stage, percent in STEPS:
        display.show(stage, percent)
    display.end()
    return output.getvalue()


def test_a_terminal_shows_one_line_that_is_drawn_again() -> None:
    text = show(Screen())
    assert text.count("\n") == 1
    lines = text.rstrip("\n").split("\r\033[K")
    assert [line.split("] ")[1] for line in lines[1:]] == [
        "  5% downloading",
        " 40% downloading",
        " 60% installing",
        "100% installing",
    ]
    assert lines[2].startswith("[########            ]")


def test_a_pipe_gets_a_line_for_each_stage() -> None:
    assert show(io.StringIO()) == "  5% downloading\n 60% installing\n"


def test_quiet_shows_nothing() -> None:
    assert show(Screen(), quiet=True) == ""
