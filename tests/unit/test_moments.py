"""Points in time as --since and --until take them: the forms of docker's client."""

import time

import pytest

from sampan.cli.values.times import read_moment

NOON = 1795521600 * 10**9  # 2026-11-24T12:00:00Z


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T12:00:00Z", NOON),
        ("2026-11-24T12:00:00.5Z", NOON + 5 * 10**8),
        ("2026-11-24T12:00:00.000000001+00:00", NOON + 1),
        ("2026-11-24T14:00:00+02:00", NOON),
        ("2026-11-24T12:00Z", NOON),
        ("2026-11-24T12Z", NOON),
        ("2026-11-24T14+02:00", NOON),
        ("2026-11-24Z", NOON - 12 * 3600 * 10**9),
        ("1795521600", NOON),
        ("1795521600.5", NOON + 5 * 10**8),
        ("1795521600.000000001", NOON + 1),
        ("0", 0),
    ],
)
def test_a_time_with_a_zone_is_one_moment(text: str, moment: int) -> None:
    assert read_moment(text) == moment


@pytest.mark.parametrize("text", ["2026-11-24T12:00:00", "2026-11-24T12:00", "2026-11-24T12"])
def test_a_time_without_a_zone_is_local(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "XXX-05:30")
        time.tzset()
        assert read_moment(text) == NOON - (5 * 3600 + 1800) * 10**9
    time.tzset()


def test_a_duration_is_that_long_ago_or_still_to_come() -> None:
    before = time.time_ns()
    for text, ago in (("1h30m", 5400), ("1.5s", 1.5), ("-10s", -10), ("0s", 0)):
        assert before <= read_moment(text) + int(ago * 10**9) <= time.time_ns()


@pytest.mark.parametrize("text", ["", "x", "yesterday", "2026-13-01x", "1e3s", "12:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_moment(text)
