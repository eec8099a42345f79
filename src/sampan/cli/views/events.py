"""Events as `docker events` prints them."""

import time

from sampan.cli.errors import ClientError
from sampan.cli.gotemplate import Record, Template, TemplateError, TemplateParseError, Value, to_json
from sampan.dockerfile.errors import visible
from sampan.engine.events import Event

_EXIT_CODE = 64


class _Actor(Record):
    """Its attributes are a map in Docker's own types."""

    __slots__ = ()
    open_maps = frozenset(("Attributes",))


class _Message(Record):
    """Docker's events.Message: in JSON its fields have other names, and three older ones are left out when empty."""

    __slots__ = ()

    def document(self) -> dict[str, Value]:
        names = {
            "Status": "status",
            "ID": "id",
            "From": "from",
            "Scope": "scope",
            "Time": "time",
            "TimeNano": "timeNano",
        }
        found = {names.get(name, name): value for name, value in self.plain().items()}
        return {name: value for name, value in found.items() if value or name not in ("status", "id", "from")}


def message(event: Event) -> Record:
    """The value that a template is given."""
    is_old = event.type in ("container", "image")  # what there was when these fields were invented
    actor = _Actor("events.Actor", {"ID": event.actor, "Attributes": dict(sorted(event.attributes.items()))})
    fields: dict[str, Value] = {
        "Status": event.action if is_old else "",
        "ID": event.actor if is_old else "",
        "From": event.attributes.get("image", "") if event.type == "container" else "",
        "Type": event.type,
        "Action": event.action,
        "Actor": actor,
        "Scope": "local",
        "Time": event.time // 10**9,
        "TimeNano": event.time,
    }
    return _Message("*events.Message", fields)


def line(event: Event) -> str:
    """TIME TYPE ACTION ID (KEY=VALUE, ...), attributes sorted, the time in the local zone with all its digits."""
    attributes = ", ".join(f"{key}={value}" for key, value in sorted(event.attributes.items()))
    shown = f" ({attributes})" if attributes else ""
    return visible(f"{moment(event.time)} {event.type} {event.action} {event.actor}{shown}")


def moment(time_ns: int) -> str:
    """2026-11-24T17:57:01.642966476Z, or with the local zone's offset."""
    seconds, rest = divmod(time_ns, 10**9)
    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{rest:09d}{zone}"


class Format:
    """What --format says: "" for lines, json, or a template. Raises ClientError in docker's words."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._template: Template | None = None
        if form and form != "json":
            try:
                self._template = Template(form)
                self._template.execute(message(Event(0, 0, "", "", "", {})))
            except (TemplateParseError, TemplateError) as problem:
                raise ClientError(f"Error parsing format: {problem.message}", exit_code=_EXIT_CODE) from None

    def text(self, event: Event) -> str:
        """One event without its line break."""
        if self._template is not None:
            return self._template.execute(message(event))
        return to_json(message(event)) if self._form else line(event)
