"""The moments that `--filter until=` takes."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from sampan.errors import InvalidArgument
from sampan.images.selection import until

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T12:00:00Z", NOON),
        ("2026-11-24T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2026-11-24T14:00+02:00", NOON),
        ("2026-11-24Z", NOON - timedelta(hours=12)),
        ("2026-11-24-01:00", NOON - timedelta(hours=11)),
        ("1795521600", NOON),
        ("1795521600.5", NOON + timedelta(seconds=0.5)),
    ],
)
def test_a_time_with_a_zone_is_one_moment(text: str, moment: datetime) -> None:
    assert until(text) == moment


def test_a_date_without_a_zone_begins_locally_and_can_be_compared() -> None:
    assert until("2026-11-24") == datetime(2026, 11, 24).astimezone()
    assert until("2026-11-24T10:30") > until("2026-11-24")


@pytest.mark.parametrize(("text", "seconds"), [("1.5h", 5400), ("1h30m5ms", 5400.005), ("-1h", -3600), ("0s", 0)])
def test_a_duration_is_that_long_ago_or_still_to_come(text: str, seconds: float) -> None:
    before = time.time()
    ago = until(text).timestamp() + seconds
    assert before - 0.001 <= ago <= time.time() + 0.001


@pytest.mark.parametrize("text", ["", "x", "1d", "2026-1-1", "2026-13-01", "99999999999999999", "2026-W12", "٣"])
def test_what_is_no_moment_is_refused_in_dockers_words(text: str) -> None:
    with pytest.raises(InvalidArgument, match="failed to parse value as time or duration"):
        until(text)
