"""--filter, as often as it was given."""

from collections.abc import Iterable, Mapping, Sequence

Filters = Mapping[str, Sequence[str]]


def gather(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The pairs of a repeated --filter by key."""
    filters: dict[str, list[str]] = {}
    for key, value in pairs:
        filters.setdefault(key, []).append(value)
    return filters
