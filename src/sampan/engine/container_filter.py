"""Which containers a filter of `ps` takes, by Docker's rules. Pure.

The same key twice means either, and so do `publish` and `expose`; labels and different keys mean all.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from sampan.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from sampan.engine.containers import Summary
    from sampan.engine.pattern import Pattern

STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
HEALTHS = ("none", "starting", "healthy", "unhealthy")
_TRUE, _FALSE = ("1", "true"), ("0", "false")
_LARGEST_PORT = 65535
_LEAST_DIGITS = 4  # of an image's ID

Filters = Mapping[str, Sequence[str]]
MadeFrom = Callable[[str], frozenset[str]]


def takes_all_states(filters: Filters) -> bool:
    """Whether a filter speaks of containers that do not run, so that they are taken without being asked for."""
    return "status" in filters


def select(
    summaries: "Sequence[Summary]", filters: Filters, made_from: MadeFrom = lambda name: frozenset()
) -> "list[Summary]":
    """Those of all the containers, newest first, that pass every filter.

    `made_from` gives the IDs of the images that were made from the one with a name. Raises InvalidArgument, NotFound in
    Docker's words.
    """
    _check(filters)
    chosen = list(summaries)
    for bound in filters.get("before", ()):
        created = _find(summaries, bound).record.created_at
        chosen = [summary for summary in chosen if summary.record.created_at < created]
    for bound in filters.get("since", ()):
        created = _find(summaries, bound).record.created_at
        chosen = [summary for summary in chosen if summary.record.created_at > created]
    for key, values in filters.items():
        if key in _TESTS:
            test, combine = _TESTS[key], all if key == "label" else any
            chosen = [summary for summary in chosen if combine(test(summary, value) for value in values)]
    if "name" in filters:
        patterns = [pattern for text in filters["name"] if (pattern := _pattern(text)) is not None]
        chosen = [summary for summary in chosen if any(_has_name(summary, pattern) for pattern in patterns)]
    if "ancestor" in filters:
        descent = {name: made_from(name) for name in filters["ancestor"]}
        chosen = [summary for summary in chosen if any(_is_from(summary, *item) for item in descent.items())]
    if "publish" in filters or "expose" in filters:
        chosen = [summary for summary in chosen if _has_port(summary, filters)]
    return chosen


def _check(filters: Filters) -> None:
    for key, values in filters.items():
        if key not in _TESTS and key not in _OTHERS:
            known = ", ".join(sorted({*_TESTS, *_OTHERS} - {"isolation"}))
            raise InvalidArgument(f"invalid filter '{key}'", hint=f"filters are {known}")
        for value in values:
            _check_value(key, value)


def _check_value(key: str, value: str) -> None:
    known = {"status": ("state", STATES), "health": ("health", HEALTHS)}.get(key)
    if known is not None and value not in known[1]:
        what, allowed = known
        raise InvalidArgument(
            f"invalid filter '{key}={value}': invalid value for {what} ({value}): must be one of {', '.join(allowed)}"
        )
    if key == "is-task" and value not in (*_TRUE, *_FALSE):
        raise InvalidArgument(f"invalid filter '{key}=[{value}]'")
    try:
        if key == "exited":
            _integer(value)
        elif key in ("publish", "expose"):
            _ports(key, value)
    except ValueError as problem:
        raise InvalidArgument(str(problem)) from None


def _integer(text: str) -> int:
    """Raises ValueError in the words of Go's strconv."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError(f"invalid filter 'exited={text}': strconv.Atoi: parsing \"{text}\": invalid syntax")
    return int(text)


def _ports(key: str, text: str) -> tuple[int, int, str]:
    """(first, last, protocol) of "80", "80-90/udp". Raises ValueError in Docker's words."""
    if ":" in text:
        raise ValueError(f"filter for '{key}' should not contain ':': {text}")
    numbers, _, protocol = text.partition("/")
    first, dash, last = numbers.partition("-")
    low, high = (_port(key, text, number) for number in (first, last if dash else first))
    if high < low:
        raise ValueError(f"error while looking up for {key} {text}: invalid range specified for port: {numbers}")
    return low, high, protocol.lower() or "tcp"


def _port(key: str, text: str, number: str) -> int:
    problem = ""
    if not (number.isascii() and number.isdecimal()):
        problem = "invalid syntax"
    elif int(number[:12]) > _LARGEST_PORT:
        problem = "value out of range"
    if problem:
        raise ValueError(f'error while looking up for {key} {text}: strconv.ParseUint: parsing "{number}": {problem}')
    return int(number)


def _find(summaries: "Sequence[Summary]", reference: str) -> "Summary":
    for summary in summaries:
        record = summary.record
        if reference and (record.name == reference.removeprefix("/") or record.id.startswith(reference)):
            return summary
    raise NotFound(f"No such container: {reference}")


def _pattern(text: str) -> "Pattern | None":
    """None for what is no regular expression: it matches nothing, as in Docker."""
    from sampan.engine.pattern import Pattern, PatternError

    try:
        return Pattern(text)
    except PatternError:
        return None


def _has_name(summary: "Summary", pattern: "Pattern") -> bool:
    """The expression may speak of the slash before the name."""
    return pattern.search(summary.record.name) or pattern.search("/" + summary.record.name)


def _is_from(summary: "Summary", image: str, descendants: frozenset[str]) -> bool:
    digits = image.removeprefix("sha256:")
    return (
        summary.record.image_id in descendants
        or summary.image in (image, f"{image}:latest")
        or (len(digits) >= _LEAST_DIGITS and summary.record.image_id.startswith(f"sha256:{digits}"))
    )


def _has_port(summary: "Summary", filters: Filters) -> bool:
    """Whether a port is published or exposed as one of the filters says; who does not run has none."""
    published = [_ports("publish", text) for text in filters.get("publish", ())]
    exposed = [_ports("expose", text) for text in filters.get("expose", ())]
    return any(
        _is_within(public, protocol, published) or _is_within(private, protocol, exposed)
        for private, protocol, public in _ports_of(summary)
    )


def _ports_of(summary: "Summary") -> Iterable[tuple[int, str, int]]:
    """(container port, protocol, host port or 0) of what is published, and of what is only exposed."""
    for private, protocol, public, _ in summary.ports:
        yield private, protocol, public
    for text in summary.record.spec.config.exposed_ports if summary.record.is_running else ():
        number, _, protocol = text.partition("/")
        if number.isdecimal():
            yield int(number), protocol or "tcp", 0


def _is_within(number: int, protocol: str, ranges: Iterable[tuple[int, int, str]]) -> bool:
    return bool(number) and any(first <= number <= last and protocol == kind for first, last, kind in ranges)


def _has_label(summary: "Summary", wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    labels = summary.record.spec.config.labels
    return key in labels and (not equals or labels[key] == value)


def _has_exit_code(summary: "Summary", wanted: str) -> bool:
    record = summary.record
    return record.status in ("exited", "dead") and record.exit_code == _integer(wanted)


def _is_in_network(summary: "Summary", wanted: str) -> bool:
    return wanted in summary.networks or any(wanted and name.startswith(wanted) for name in summary.network_ids)


def _has_volume(summary: "Summary", wanted: str) -> bool:
    mounts = [mount for mount in summary.record.spec.mounts if mount.type != "tmpfs"]
    return any(wanted in (mount.volume or mount.source, mount.destination) for mount in mounts)


def _health(summary: "Summary") -> str:
    return str((summary.record.health or {}).get("Status", "none"))


_OTHERS = ("ancestor", "before", "expose", "isolation", "name", "publish", "since")
# isolation belongs to Windows and takes everything
_TESTS: "Mapping[str, Callable[[Summary, str], bool]]" = {
    "exited": _has_exit_code,
    "health": lambda summary, wanted: _health(summary) == wanted,
    "id": lambda summary, wanted: bool(wanted) and summary.record.id.startswith(wanted),
    "is-task": lambda summary, wanted: wanted in _FALSE,
    "label": _has_label,
    "network": _is_in_network,
    "status": lambda summary, wanted: summary.record.status == wanted,
    "volume": _has_volume,
}
