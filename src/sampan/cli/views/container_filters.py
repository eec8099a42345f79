"""`ps --filter`: which containers a listing shows. The same key twice means either, and so do publish and expose;
labels and other keys mean all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from sampan.cli.kinds import read_bool, read_integer
from sampan.cli.values.ports import read_port_range
from sampan.cli.views.containers import ContainerFacts
from sampan.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from sampan.engine.pattern import Pattern

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
    return "status" in filters


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
    if "name" in filters:
        patterns = [pattern for text in filters["name"] if (pattern := _pattern(text)) is not None]
        chosen = [facts for facts in chosen if any(_has_name(facts, pattern) for pattern in patterns)]
    if "publish" in filters or "expose" in filters:
        chosen = [facts for facts in chosen if _has_port(facts, filters)]
    return chosen


def _check(filters: Filters) -> None:
    for key, values in filters.items():
        if key not in _TESTS and key not in _OTHERS:
            raise InvalidArgument(
                f"invalid filter '{key}'", hint="filters are " + ", ".join(sorted({*_TESTS, *_OTHERS} - {"isolation"}))
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
            raise InvalidArgument(_complaint(key, value, problem)) from None


def _complaint(key: str, value: str, problem: ValueError) -> str:
    if key == "is-task":
        return f"invalid filter '{key}=[{value}]'"
    if key in ("publish", "expose"):
        return f"error while looking up for {key} {value}: {problem}"
    return f"invalid filter '{key}={value}': {problem}"


def _find(containers: Sequence[ContainerFacts], reference: str) -> ContainerFacts:
    for facts in containers:
        if reference and (facts.name == reference.removeprefix("/") or facts.id.startswith(reference)):
            return facts
    raise NotFound(f"No such container: {reference}")


def _read_port(text: str) -> tuple[int, int, str]:
    """(first, last, protocol) of "80", "80-90/udp". Raises ValueError."""
    port, _, protocol = text.partition("/")
    return (*read_port_range(port), protocol or "tcp")


def _pattern(text: str) -> "Pattern | None":
    """None for what is no regular expression: it matches nothing, as in Docker."""
    from sampan.engine.pattern import Pattern, PatternError

    try:
        return Pattern(text)
    except PatternError:
        return None


def _has_name(facts: ContainerFacts, pattern: "Pattern") -> bool:
    """The expression may speak of the slash before the name."""
    return pattern.search(facts.name) or pattern.search("/" + facts.name)


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


def _has_port(facts: ContainerFacts, filters: Filters) -> bool:
    """Whether a port is published or exposed as one of the filters says; who does not run has none."""
    published = [_read_port(text) for text in filters.get("publish", ())]
    exposed = [_read_port(text) for text in filters.get("expose", ())]
    return any(
        _is_within(port.public, port.protocol, published) or _is_within(port.private, port.protocol, exposed)
        for port in facts.ports
    )


def _is_within(number: int, protocol: str, ranges: Iterable[tuple[int, int, str]]) -> bool:
    return bool(number) and any(first <= number <= last and protocol == kind for first, last, kind in ranges)


def _has_exit_code(facts: ContainerFacts, wanted: str) -> bool:
    return facts.state in ("exited", "dead") and facts.exit_code == read_integer(wanted)


def _is_in_network(facts: ContainerFacts, wanted: str) -> bool:
    return wanted in facts.networks or any(wanted and name.startswith(wanted) for name in facts.network_ids)


_READERS: Mapping[str, Callable[[str], object]] = {
    "exited": lambda text: read_integer(text, function="Atoi"),
    "expose": _read_port,
    "is-task": read_bool,
    "publish": _read_port,
}

_OTHERS = ("before", "expose", "isolation", "name", "publish", "since")  # isolation is Windows' and takes everything

_TESTS: Mapping[str, Callable[[ContainerFacts, str], bool]] = {
    "ancestor": _has_ancestor,
    "exited": _has_exit_code,
    "health": lambda facts, wanted: (facts.health or "none") == wanted,
    "id": lambda facts, wanted: bool(wanted) and facts.id.startswith(wanted),
    "is-task": lambda facts, wanted: not read_bool(wanted),
    "label": _has_label,
    "network": _is_in_network,
    "status": lambda facts, wanted: facts.state == wanted,
    "volume": lambda facts, wanted: wanted in facts.mounts or wanted in facts.destinations,
}
