"""kill -9 of the command at every point where it changes something: the store stays whole, the next command works."""

import os
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.faults import Pass, kill_at, passes, thinned

STEPS = "FROM busybox\nCOPY one.txt /\nRUN echo two > /two.txt\nENV THREE=3\nRUN echo four > /four.txt\n"


@pytest.fixture
def context(tmp_path: Path) -> str:
    (tmp_path / "Dockerfile").write_text(STEPS)
    (tmp_path / "one.txt").write_text("one\n")
    return str(tmp_path)


def assert_whole(sampan: Sampan, moment: Pass) -> None:
    """What a user would do next works: look, check, use."""
    sampan("ps", "-a")
    result = sampan("system", "check", code=None)
    assert result.code == 0, f"killed at {moment}:\n{result.out}{result.err}"
    assert sampan("run", "--rm", "busybox", "echo", "fine").out == "fine\n", f"killed at {moment}"


def remove_all(sampan: Sampan) -> None:
    names = sampan("ps", "-aq").out.split()
    if names:
        sampan("rm", "-f", *names)


def test_run_killed_at_any_point_leaves_a_whole_store(sampan: Sampan) -> None:
    command = ("run", "--rm", "-p", "0:80", "busybox", "true")
    found = thinned(passes(sampan, *command))
    assert found
    for moment in found:
        kill_at(sampan, moment, *command)
        assert_whole(sampan, moment)
        remove_all(sampan)
    assert os.listdir(sampan.root + "/containers") == []


def test_rm_killed_at_any_point_leaves_a_whole_store(sampan: Sampan) -> None:
    def prepare() -> None:
        sampan("run", "-d", "--name", "box", "-v", "/data", "busybox", "sleep", "100000")

    prepare()
    found = thinned(passes(sampan, "rm", "-f", "-v", "box"))
    assert found
    for moment in found:
        prepare()
        kill_at(sampan, moment, "rm", "-f", "-v", "box")
        assert_whole(sampan, moment)
        remove_all(sampan)
    assert os.listdir(sampan.root + "/containers") == []


def test_build_killed_at_any_point_leaves_a_whole_store(sampan: Sampan, context: str) -> None:
    build = ("build", "--no-cache", "-t", "built", context)
    found = thinned(passes(sampan, *build), most_per_point=2)
    assert found
    for moment in found:
        kill_at(sampan, moment, *build)
        assert_whole(sampan, moment)
    sampan("build", "-t", "built", context)
    assert sampan("run", "--rm", "built", "cat", "/one.txt", "/two.txt", "/four.txt").out == "one\ntwo\nfour\n"
    sampan("rmi", "built")
    assert_whole(sampan, found[-1])
