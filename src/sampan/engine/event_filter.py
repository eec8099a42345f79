"""Which events a reader wants, by the rules of Docker's --filter. Pure."""

from collections.abc import Mapping, Sequence

from sampan.errors import InvalidArgument
from sampan.oci import reference
from sampan.storage.events import Event

Filters = Mapping[str, Sequence[str]]
_SCOPE = "local"
# What happens to these has a name or ID of its own; `node=x` takes nothing here, as with a Docker outside of a swarm.
_ACTORS = ("daemon", "container", "plugin", "volume", "network", "node", "service", "secret", "config")
_OPEN_ACTIONS = frozenset(("health_status", "exec_create", "exec_start"))


def accepts(filters: Filters, event: Event) -> bool:
    """Whether an event passes all filters; of several values of one filter any may fit.

    `event`, `type`, `image`, `scope` must be equal; `container`, `volume`, `network` and their like may begin the ID or
    name of what it happened to; `label` looks at all attributes. A filter that Docker does not know takes everything,
    as there.
    """
    return (
        _is_action(filters.get("event", ()), event.action)
        and _is_any(filters.get("type", ()), event.type)
        and _is_any(filters.get("scope", ()), _SCOPE)
        and all(_begins(filters.get(kind, ()), event) for kind in _ACTORS)
        and _is_image(filters.get("image", ()), event)
        and _has_labels(filters.get("label", ()), event.attributes)
    )


def _is_any(wanted: Sequence[str], text: str) -> bool:
    return not wanted or text in wanted


def _is_action(wanted: Sequence[str], action: str) -> bool:
    """With `exec_create` any command fits, and with `health_status` any status."""
    if _OPEN_ACTIONS.isdisjoint(wanted):
        return _is_any(wanted, action)
    return any(action.startswith(word) for word in wanted)


def _begins(wanted: Sequence[str], event: Event) -> bool:
    if not wanted:
        return True
    name = event.attributes.get("name", "")
    return any(event.actor.startswith(word) or name.startswith(word) for word in wanted)


def _is_image(wanted: Sequence[str], event: Event) -> bool:
    if not wanted:
        return True
    name = event.attributes.get("name" if event.type == "image" else "image", "")
    known = {event.actor, name, _without_tag(event.actor), _without_tag(name)}
    return any(word in known for word in wanted)


def _without_tag(text: str) -> str:
    try:
        return reference.parse(text).repository_familiar
    except InvalidArgument:
        return text


def _has_labels(wanted: Sequence[str], attributes: Mapping[str, str]) -> bool:
    for text in wanted:
        name, equals, value = text.partition("=")
        if name not in attributes or (equals and attributes[name] != value):
            return False
    return True
