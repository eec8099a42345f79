"""Which results of build steps a prune takes."""

import pytest

from sampan.builder.cache.pruning import Cached, choose
from sampan.errors import InvalidArgument

HOUR = 3600 * 10**9
NOW = 1_000_000.0


def result(name: str, size: int, hours_ago: float, *, is_shared: bool = False, parent: str = "") -> Cached:
    moment = int(NOW * 10**9 - hours_ago * HOUR)
    return Cached((f"sha256:{name}",), (f"sha256:{parent}",), name, size, moment, moment, is_shared)


ENTRIES = [
    result("cc", 10, 0.5),
    result("bb", 20, 5, is_shared=True, parent="aa"),
    result("aa", 30, 48),
]


@pytest.mark.parametrize(
    ("filters", "all_unused", "excess", "names"),
    [
        ({}, False, -1, "cc aa"),
        ({}, True, -1, "cc bb aa"),
        ({"id": ["b"]}, True, -1, "bb"),
        ({"parent": ["aa"]}, True, -1, "bb"),
        ({"shared": ["true"]}, True, -1, "bb"),
        ({"private": ["true"]}, True, -1, "cc aa"),
        ({"inuse": ["true"]}, True, -1, ""),
        ({"type": ["regular"]}, True, -1, "cc bb aa"),
        ({"type": ["exec.cachemount"]}, True, -1, ""),
        ({"label": ["a=b"]}, True, -1, ""),
        ({}, True, 31, "aa bb"),
        ({}, True, 30, "aa"),
        ({}, True, 0, ""),
    ],
)
def test_a_prune_takes_what_its_filters_and_limits_say(
    filters: dict[str, list[str]], all_unused: bool, excess: int, names: str
) -> None:
    taken = choose(ENTRIES, all_unused=all_unused, filters=filters, excess=excess)
    assert " ".join(entry.snapshot_id for entry in taken) == names


def test_until_is_about_the_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: int(NOW * 1e9))
    taken = choose(ENTRIES, all_unused=True, filters={"until": ["24h"]})
    assert [entry.snapshot_id for entry in taken] == ["aa"]
    assert choose(ENTRIES, all_unused=True, filters={"unused-for": ["100h"]}) == []


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"nonsense": ["1"]}, "failed to prune build cache: invalid filter 'nonsense'"),
        ({"until": ["zz"]}, 'failed to parse value as time or duration: "zz"'),
    ],
)
def test_a_bad_filter_is_answered_in_dockers_words(filters: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        choose([], all_unused=True, filters=filters)
    assert message in caught.value.message
