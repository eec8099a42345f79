"""The state of a health check after each probe is Docker's."""

from typing import Any

import pytest

from sampan.containers.health import ProbeResult, command, go_duration, next_state, pause_ns
from sampan.oci.config import ContainerConfig, HealthConfig

SECOND = 10**9
START = 1_000_000 * SECOND
FRESH: dict[str, Any] = {"Status": "starting", "FailingStreak": 0, "Log": []}


def probe(exit_code: int, after_seconds: int = 1, output: str = "") -> ProbeResult:
    moment = START + after_seconds * SECOND
    return ProbeResult(moment, moment + 5, exit_code, output)


def states(results: list[ProbeResult], check: HealthConfig) -> list[tuple[str, int]]:
    health, found = FRESH, []
    for result in results:
        health = next_state(health, result, check, result.started_at - START)
        found.append((health["Status"], health["FailingStreak"]))
    return found


def test_a_success_makes_it_healthy_and_three_failures_unhealthy() -> None:
    results = [probe(code) for code in (0, 1, 1, 1, 1, 0)]
    assert states(results, HealthConfig(("CMD", "x"))) == [
        ("healthy", 0),
        ("healthy", 1),
        ("healthy", 2),
        ("unhealthy", 3),
        ("unhealthy", 4),
        ("healthy", 0),
    ]


def test_before_the_first_success_it_is_starting_until_retries_have_failed() -> None:
    results = [probe(code) for code in (1, -1)]
    assert states(results, HealthConfig(("CMD", "x"), retries=2)) == [("starting", 1), ("unhealthy", 2)]


def test_failures_in_the_start_period_do_not_count_until_the_first_success() -> None:
    check = HealthConfig(("CMD", "x"), start_period_ns=60 * SECOND, retries=1)
    assert states([probe(1, 1), probe(1, 59), probe(1, 60)], check) == [
        ("starting", 0),
        ("starting", 0),
        ("unhealthy", 1),
    ]
    assert states([probe(0, 1), probe(1, 2)], check) == [("healthy", 0), ("unhealthy", 1)]


def test_the_log_keeps_the_last_five_probes_in_dockers_shape() -> None:
    health = FRESH
    for number in range(7):
        health = next_state(health, probe(number, number, f"out {number}"), HealthConfig(("CMD", "x")), 0)
    assert [entry["ExitCode"] for entry in health["Log"]] == [2, 3, 4, 5, 6]
    assert health["Log"][-1] == {
        "Start": "1970-01-12T13:46:46Z",
        "End": "1970-01-12T13:46:46.000000005Z",
        "ExitCode": 6,
        "Output": "out 6",
    }


@pytest.mark.parametrize(
    ("check", "status", "after_seconds", "pause_seconds"),
    [
        (HealthConfig(("CMD", "x")), "starting", 1, 30),
        (HealthConfig(("CMD", "x"), interval_ns=7 * SECOND), "healthy", 1, 7),
        (HealthConfig(("CMD", "x"), start_period_ns=60 * SECOND), "starting", 1, 5),
        (HealthConfig(("CMD", "x"), start_period_ns=60 * SECOND, start_interval_ns=SECOND), "starting", 1, 1),
        (HealthConfig(("CMD", "x"), start_period_ns=60 * SECOND), "healthy", 1, 30),
        (HealthConfig(("CMD", "x"), start_period_ns=60 * SECOND), "starting", 60, 30),
    ],
)
def test_the_start_interval_counts_while_it_starts(
    check: HealthConfig, status: str, after_seconds: int, pause_seconds: int
) -> None:
    pause = pause_ns({"Status": status}, check, after_seconds * SECOND)
    assert pause == pause_seconds * SECOND


@pytest.mark.parametrize(
    ("test", "shell", "words"),
    [
        (("CMD", "curl", "-f", "x y"), None, ("curl", "-f", "x y")),
        (("CMD-SHELL", "curl x || exit 1"), None, ("/bin/sh", "-c", "curl x || exit 1")),
        (("CMD-SHELL", "true"), ("/bin/bash", "-ec"), ("/bin/bash", "-ec", "true")),
        (("NONE",), None, ()),
        ((), None, ()),
    ],
)
def test_the_words_of_a_check(test: tuple[str, ...], shell: tuple[str, ...] | None, words: tuple[str, ...]) -> None:
    assert command(ContainerConfig(healthcheck=HealthConfig(test), shell=shell)) == words


def test_durations_read_as_go_prints_them() -> None:
    expected = {0: "0s", 1500: "1.5µs", 2 * 10**8: "200ms", 30 * SECOND: "30s", 90 * SECOND: "1m30s"}
    assert {value: go_duration(value) for value in expected} == expected
    assert go_duration(3600 * SECOND) == "1h0m0s"
    assert go_duration(1500 * 10**6) == "1.5s"


def test_the_start_period_is_not_over_because_the_clock_was_set() -> None:
    """Ages come from the boot's own clock: times of day in the result decide nothing."""
    check = HealthConfig(("CMD", "x"), start_period_ns=60 * SECOND, retries=1)
    year = 365 * 86400 * SECOND
    late = ProbeResult(START + year, START + year, 1, "")
    assert next_state({}, late, check, 59 * SECOND)["Status"] == "starting"
    assert next_state({}, late, check, 60 * SECOND)["Status"] == "unhealthy"
