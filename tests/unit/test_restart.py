"""Restart policies are decided as Docker's engine does."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.containers.model import Container, Spec
from sampan.containers.options import RestartPolicy, RunOptions
from sampan.containers.restart import FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, decide
from sampan.engine.supervision.restarting import _due
from sampan.oci.config import ContainerConfig

YEAR = 365 * 86400
POLICIES = st.sampled_from(["no", "always", "unless-stopped", "on-failure"])


@pytest.mark.parametrize(
    ("policy", "exit_code", "restart_count", "stopped_by_user", "is_restarted"),
    [
        (RestartPolicy(), 1, 0, False, False),
        (RestartPolicy("always"), 0, 0, False, True),
        (RestartPolicy("always"), 0, 500, False, True),
        (RestartPolicy("always"), 137, 0, True, False),
        (RestartPolicy("unless-stopped"), 0, 0, False, True),
        (RestartPolicy("unless-stopped"), 0, 0, True, False),
        (RestartPolicy("on-failure"), 0, 0, False, False),
        (RestartPolicy("on-failure"), 1, 100, False, True),
        (RestartPolicy("on-failure", 3), 1, 2, False, True),
        (RestartPolicy("on-failure", 3), 1, 3, False, False),
    ],
)
def test_a_policy_restarts_what_it_says(
    policy: RestartPolicy, exit_code: int, restart_count: int, stopped_by_user: bool, is_restarted: bool
) -> None:
    delay = decide(
        policy,
        exit_code=exit_code,
        restart_count=restart_count,
        stopped_by_user=stopped_by_user,
        ran_seconds=0,
    )
    assert (delay is not None) == is_restarted


def test_the_delay_doubles_from_a_tenth_of_a_second_to_a_minute() -> None:
    delays = []
    last = 0.0
    for _ in range(12):
        delay = _decide(last_delay_seconds=last)
        assert delay is not None
        delays.append(delay)
        last = delay
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == delays[-2] == LONGEST_DELAY_SECONDS


def test_without_the_last_delay_it_is_taken_from_the_number_of_restarts() -> None:
    assert [_decide(restart_count=count) for count in range(3)] == [0.1, 0.2, 0.4]
    assert _decide(restart_count=10**6) == LONGEST_DELAY_SECONDS


def test_who_ran_ten_seconds_begins_with_the_first_delay() -> None:
    assert _decide(ran_seconds=10, last_delay_seconds=60) == FIRST_DELAY_SECONDS
    assert _decide(ran_seconds=9.9, last_delay_seconds=30) == LONGEST_DELAY_SECONDS


@given(POLICIES, st.integers(0, 255), st.integers(0, 10**6), st.floats(0, 10**6), st.floats(0, 60))
def test_who_was_stopped_stays_so_and_no_delay_is_longer_than_a_minute(
    name: str, exit_code: int, count: int, ran: float, last: float
) -> None:
    def decided(stopped: bool) -> float | None:
        return decide(
            RestartPolicy(name),
            exit_code=exit_code,
            restart_count=count,
            stopped_by_user=stopped,
            ran_seconds=ran,
            last_delay_seconds=last,
        )

    assert decided(True) is None
    delay = decided(False)
    assert delay is None or 0 < delay <= LONGEST_DELAY_SECONDS


def _decide(*, restart_count: int = 0, ran_seconds: float = 0, last_delay_seconds: float = 0) -> float | None:
    return decide(
        RestartPolicy("always"),
        exit_code=1,
        restart_count=restart_count,
        stopped_by_user=False,
        ran_seconds=ran_seconds,
        last_delay_seconds=last_delay_seconds,
    )


@pytest.mark.parametrize("jump_seconds", [-10 * YEAR, -3600, 0, 3600, 10 * YEAR])
def test_a_clock_that_is_set_neither_delays_a_restart_nor_lets_it_come_early(
    monkeypatch: pytest.MonkeyPatch, jump_seconds: int
) -> None:
    """The end was told by the wall clock. From when it is planned on the time since boot counts."""
    ended = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: ended + jump_seconds * 10**9)
    container = Container("f" * 64, "box", "sha256:", (), Spec(RunOptions("busybox"), ContainerConfig()), 0)
    began = time.monotonic()
    due = _due(container._replace(status="restarting", finished_at=ended), 5.0, None)
    assert due <= time.monotonic() + 5.0
    if jump_seconds <= 0:
        assert due >= began + 5.0
