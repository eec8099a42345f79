"""What the exit code of a failed RUN is told to mean."""

import pytest

from sampan.builder.exitcodes import meaning


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (126, "cannot be executed"),
        (127, "was not found in the image"),
        (134, "SIGABRT"),
        (137, "SIGKILL: it was killed, by hand or by the kernel for lack of memory: `dmesg`"),
        (139, "SIGSEGV"),
        (159, "seccomp"),
    ],
)
def test_codes_that_say_something_are_explained(code: int, words: str) -> None:
    assert words in meaning(code)


@pytest.mark.parametrize("code", [1, 2, 3, 42, 100, 128, 250])
def test_a_programs_own_codes_are_not_explained(code: int) -> None:
    assert meaning(code) == ""


def test_a_limit_of_memory_is_named() -> None:
    assert meaning(137, 512_000_000).endswith("for lack of memory: it may have 512 MB")
