"""Filters of listings that are not containers'."""

from collections.abc import Mapping, Sequence

from sampan.errors import InvalidArgument


def check_filters(filters: Mapping[str, Sequence[str]], known: Sequence[str]) -> None:
    """Raises InvalidArgument for a filter that is not known."""
    for name in filters:
        if name not in known:
            raise InvalidArgument(f"invalid filter '{name}'", hint="filters are " + ", ".join(known))


def has_label(labels: Mapping[str, str], wanted: str) -> bool:
    """KEY or KEY=VALUE."""
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)
