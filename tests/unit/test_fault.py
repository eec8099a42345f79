"""Fault points: silent by default, deadly or recording when a test asks."""

import os
import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from sampan.linux import fault
for name in ("a.one", "a.two", "a.two", "a.three"):
    fault.point(name)
    print(name, flush=True)
"""


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SAMPAN_FAULT")}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment | variables, capture_output=True, text=True, check=False
    )


def test_points_do_nothing_by_default() -> None:
    done = run()
    assert (done.returncode, done.stdout.split()) == (0, ["a.one", "a.two", "a.two", "a.three"])


def test_the_process_is_killed_at_the_named_point() -> None:
    done = run(SAMPAN_FAULT="a.two")
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, ["a.one"])


def test_the_nth_pass_of_a_point_can_be_chosen() -> None:
    done = run(SAMPAN_FAULT="a.two:2")
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, ["a.one", "a.two"])


def test_a_point_that_is_never_passed_changes_nothing() -> None:
    assert run(SAMPAN_FAULT="a.four").returncode == 0


def test_a_star_records_the_points_passed_in_order(tmp_path: Path) -> None:
    log = tmp_path / "points"
    done = run(SAMPAN_FAULT="*", SAMPAN_FAULT_LOG=str(log))
    assert done.returncode == 0
    assert log.read_text().split() == ["a.one", "a.two", "a.two", "a.three"]
