"""Programs that are given nothing, and whose words are limited."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sampan.errors import Unavailable
from sampan.linux import isolated

PATH = {"PATH": "/usr/bin:/bin"}


def test_a_program_has_the_environment_that_it_is_given_and_says_how_it_ended() -> None:
    found = isolated.run(
        ("sh", "-c", "echo $X; echo e >&2; exit 3"), environment={**PATH, "X": "1"}, folder="/", timeout_seconds=30
    )
    assert found == (3, "1\n", "e\n")


def test_of_endless_complaints_the_last_are_kept() -> None:
    code, _, err = isolated.run(
        ("sh", "-c", "head -c 50000000 /dev/zero >&2; echo last >&2"), environment=PATH, folder="/", timeout_seconds=30
    )
    assert (code, len(err), err[-5:]) == (0, 65536, "last\n")


def test_endless_output_is_ended() -> None:
    with pytest.raises(Unavailable, match="writes more than 32 MiB"):
        isolated.run(("cat", "/dev/zero"), environment=PATH, folder="/", timeout_seconds=30)


def test_a_program_that_does_not_end_is_killed_with_what_it_started() -> None:
    with pytest.raises(Unavailable, match="did not end within 0 s"):
        isolated.run(("sh", "-c", "sleep 60 & sleep 60"), environment=PATH, folder="/", timeout_seconds=0.2)


def test_a_program_gets_no_more_memory_than_it_may_have() -> None:
    grow = "x=0123456789; while :; do x=$x$x; done"
    code, _, _ = isolated.run(
        ("sh", "-c", grow), environment=PATH, folder="/", timeout_seconds=30, memory_bytes=64 << 20
    )
    assert code != 0


def test_a_program_ends_with_us_also_when_we_are_killed(tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    script = f"exec 9>{started}; echo begun >&9; sleep 60 & sleep 60"
    code = f"from sampan.linux import isolated; isolated.run(('sh', '-c', {script!r}), environment={PATH!r}, "
    code += "folder='/', timeout_seconds=60)"
    with subprocess.Popen([sys.executable, "-c", code]) as ours, open(started) as pipe:
        assert pipe.readline() == "begun\n"
        ours.kill()
        assert pipe.read() == ""  # everyone who had it open is gone


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(FileNotFoundError):
        isolated.run(("no-such-program",), environment=PATH, folder="/", timeout_seconds=30)
