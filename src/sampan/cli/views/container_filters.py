"""`ps --filter`: which containers a listing shows. The same key twice means either; labels and other keys mean all."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from sampan.cli.kinds import read_bool, read_integer
from sampan.cli.values.ports import read_port_range
from sampan.cli.views.containers import ContainerFacts
from sampan.errors import InvalidArgument, NotFound

STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
HEALTHS = ("none", "starting", "healthy", "unhealthy")

Filters = Mapping[str, Sequence[str]]


def gather(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The pairs of a repeated --filter by key."""
    filters: dict[str, list[str]] = {}
    for key, value in pairs:
        filters.setdefault(key, []).append(value)
    return filters


def wants_all(filters: Filters) -> bool:
    """Whether a filter speaks of containers that do not run, so that they are shown without -a."""
    return "status" in filters or "exited" in filters


def select(containers: Sequence[ContainerFacts], filters: Filters) -> list[ContainerFacts]:
    """Those of `containers`, newest first, that pass every filter. Raises InvalidArgument, NotFound."""
    _check(filters)
    chosen = list(containers)
    for bound in filters.get("before", ()):
        created = _find(containers, bound).created_ns
        chosen = [facts for facts in chosen if facts.created_ns < created]
    for bound in filters.get("since", ()):
        created = _find(containers, bound).created_ns
        chosen = [facts for facts in chosen if facts.created_ns > created]
    for key, values in filters.items():
        if key in _TESTS:
            test = _TESTS[key]
            combine = all if key == "label" else any
            chosen = [facts for facts in chosen if combine(test(facts, value) for value in values)]
    return chosen


def _check(filters: Filters) -> None:
    for key, values in filters.items():
        if key not in _TESTS and key not in ("before", "since", "is-task", "isolation"):
            raise InvalidArgument(
                f"invalid filter '{key}'", hint="filters are " + ", ".join(sorted({*_TESTS, "before", "since"}))
            )
        for value in values:
            _check_value(key, value)


def _check_value(key: str, value: str) -> None:
    known = {"status": ("state", STATES), "health": ("health", HEALTHS)}.get(key)
    if known is not None and value not in known[1]:
        what, allowed = known
        raise InvalidArgument(
            f"invalid filter '{key}={value}': invalid value for {what} ({value}): must be one of {', '.join(allowed)}"
        )
    reader = _READERS.get(key)
    if reader is not None:
        try:
            reader(value)
        except ValueError as problem:
            raise InvalidArgument(f"invalid filter '{key}={value}': {problem}") from None


def _find(containers: Sequence[ContainerFacts], reference: str) -> ContainerFacts:
    for facts in containers:
        if reference and (facts.name == reference.removeprefix("/") or facts.id.startswith(reference)):
            return facts
    raise NotFound(f"No such container: {reference}")


def _read_port(text: str) -> tuple[int, int, str]:
    """(first, last, protocol) of "80", "80-90/udp". Raises ValueError."""
    port, _, protocol = text.partition("/")
    return (*read_port_range(port), protocol or "tcp")


def _has_name(facts: ContainerFacts, pattern: str) -> bool:
    """A regular expression that may say the slash before the name; a text that is none matches itself only."""
    try:
        return any(re.search(pattern, name) for name in (facts.name, "/" + facts.name))
    except re.error:
        return facts.name == pattern


def _has_label(facts: ContainerFacts, wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in facts.labels and (not equals or facts.labels[key] == value)


def _has_ancestor(facts: ContainerFacts, image: str) -> bool:
    names = (facts.image, facts.image_id, *facts.ancestors)
    digits = image.removeprefix("sha256:")
    return any(
        name in (image, f"{image}:latest") or (len(digits) >= 4 and name.startswith(f"sha256:{digits}"))
        for name in names
    )


def _publishes(facts: ContainerFacts, wanted: str) -> bool:
    first, last, protocol = _read_port(wanted)
    return any(first <= port.public <= last and port.protocol == protocol for port in facts.ports if port.public)


def _exposes(facts: ContainerFacts, wanted: str) -> bool:
    first, last, protocol = _read_port(wanted)
    exposed = [*facts.exposed, *(f"{port.private}/{port.protocol}" for port in facts.ports)]
    return any(
        number.isdecimal() and first <= int(number) <= last and (kind or "tcp") == protocol
        for number, _, kind in (port.partition("/") for port in exposed)
    )


def _has_exit_code(facts: ContainerFacts, wanted: str) -> bool:
    return facts.state in ("exited", "dead") and facts.exit_code == read_integer(wanted)


def _is_in_network(facts: ContainerFacts, wanted: str) -> bool:
    return wanted in facts.networks or any(wanted and name.startswith(wanted) for name in facts.network_ids)


_READERS: Mapping[str, Callable[[str], object]] = {
    "exited": read_integer,
    "expose": _read_port,
    "is-task": read_bool,
    "publish": _read_port,
}

_TESTS: Mapping[str, Callable[[ContainerFacts, str], bool]] = {
    "ancestor": _has_ancestor,
    "exited": _has_exit_code,
    "expose": _exposes,
    "health": lambda facts, wanted: (facts.health or "none") == wanted,
    "id": lambda facts, wanted: bool(wanted) and facts.id.startswith(wanted),
    "label": _has_label,
    "name": _has_name,
    "network": _is_in_network,
    "publish": _publishes,
    "status": lambda facts, wanted: facts.state == wanted,
    "volume": lambda facts, wanted: wanted in facts.mounts or wanted in facts.destinations,
}
