"""Tests of one xdist group run in one worker: what they share is made once, and they do not meet themselves."""

import os

import pytest

_SEEN: list[str] = []


@pytest.mark.xdist_group("groups")
@pytest.mark.parametrize("number", range(8))
def test_a_group_stays_in_one_worker(number: int) -> None:
    _SEEN.append(os.environ.get("PYTEST_XDIST_WORKER", ""))
    assert len(_SEEN) == number + 1
