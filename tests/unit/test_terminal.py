"""The terminal that tests type into."""

import pytest

from sampan.testing.terminal import NotShown, Terminal


def test_a_shell_answers_what_is_typed() -> None:
    with Terminal(["/bin/sh"]) as terminal:
        terminal.press("echo $((40+2))\r")
        terminal.expect("42")
        terminal.press("exit 3\r")
        assert terminal.wait() == 3


def test_the_size_is_seen_inside() -> None:
    with Terminal(["/bin/sh"]) as terminal:
        terminal.resize(30, 100)
        terminal.press("stty size\r")
        terminal.expect("30 100")


def test_text_that_never_comes_is_an_error_that_shows_what_came() -> None:
    with Terminal(["/bin/echo", "hello"]) as terminal, pytest.raises(NotShown, match="hello"):
        terminal.expect("good-bye", timeout_seconds=5)
