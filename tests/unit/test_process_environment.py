"""The variables of a process in a container: image, options, defaults."""

import pytest

from sampan.containers.compile import merge_env, process_environment
from sampan.runtime.defaults import DEFAULT_PATH


@pytest.mark.parametrize(
    ("asked", "image", "expected"),
    [
        ((), ("A=1",), ("A=1",)),
        (("A=2",), ("A=1", "B=1"), ("A=2", "B=1")),
        (("A=2", "A=3"), ("A=1",), ("A=3",)),
        (("A",), ("A=1", "B=1"), ("A", "B=1")),
        (("A", "A=2"), (), ("A=2",)),
        (("A=",), ("A=1",), ("A=",)),
    ],
)
def test_options_win_over_the_image(asked: tuple[str, ...], image: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert merge_env(asked, image) == expected


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ((), (f"PATH={DEFAULT_PATH}", "HOSTNAME=box", "TERM=xterm", "HOME=/root")),
        (("PATH=/bin", "A"), ("HOSTNAME=box", "TERM=xterm", "PATH=/bin", "HOME=/root")),
        (("PATH", "HOSTNAME", "TERM", "HOME"), ("HOME=/root",)),
        (("HOME=/x", "TERM="), (f"PATH={DEFAULT_PATH}", "HOSTNAME=box", "HOME=/x", "TERM=")),
    ],
)
def test_a_bare_name_takes_a_variable_away(env: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert process_environment(env, "box", "/root", tty=True) == expected


def test_without_a_terminal_there_is_no_term() -> None:
    assert "TERM=xterm" not in process_environment((), "box", "/root", tty=False)
