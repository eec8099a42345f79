"""The engine's settings for people: each with its value in the words of a settings file, and where it was said."""

from collections.abc import Mapping, Sequence
from typing import Any

from sampan.cli.errors import ClientError
from sampan.cli.gotemplate import Record, Template, TemplateError, TemplateParseError, to_json
from sampan.settings.keys import KEYS
from sampan.settings.model import Loaded
from sampan.values import NamedTuple


class Row(NamedTuple):
    """`origin` is FILE:LINE, a variable, or "default"."""

    name: str
    value: str
    origin: str


def rows(loaded: Loaded) -> list[Row]:
    """Every setting in the order of the guide."""
    return [
        Row(key.name, shown(key.field, getattr(loaded.settings, key.field)), loaded.origins.get(key.field, "default"))
        for key in KEYS
    ]


def shown(field: str, value: Any) -> str:
    """A value as a settings file would say it, "-" where the matter is open."""
    if isinstance(value, bool):
        return str(value).lower()
    if field.endswith("_bytes"):
        return _size(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={item}" for name, item in sorted(value.items())) or "-"
    if isinstance(value, tuple):
        return ", ".join(_item(field, item) for item in value) or "-"
    return str(value or "-")


def _item(field: str, item: Any) -> str:
    if field == "ulimits":
        return f"{item.name}={item.soft}:{item.hard}"
    if field == "address_pools":
        return f"{item.base} in /{item.prefix_length}"
    if field == "registries":
        insecure = " insecure" if item.insecure else ""
        return f"{item.name}{insecure}" + (f" mirrors {' '.join(item.mirrors)}" if item.mirrors else "")
    return str(item)


def _size(number: int) -> str:
    for shift, unit in ((30, "g"), (20, "m"), (10, "k")):
        if number and number % (1 << shift) == 0:
            return f"{number >> shift}{unit}"
    return str(number) if number else "-"


def table(found: Sequence[Row]) -> str:
    """Three columns with a title."""
    lines = [("SETTING", "VALUE", "FROM"), *found]
    first, second = (max(len(line[column]) for line in lines) + 3 for column in (0, 1))
    return "\n".join(f"{name:<{first}}{value:<{second}}{origin}" for name, value, origin in lines)


def render(found: Sequence[Row], form: str) -> str:
    """One line of JSON a setting, or what a template makes of each. Raises ClientError for a wrong template."""
    records = [Record("setting", {"Name": row.name, "Value": row.value, "From": row.origin}) for row in found]
    if form == "json":
        return "\n".join(to_json(record) for record in records)
    try:
        template = Template(form)
        return "\n".join(template.execute(record) for record in records)
    except TemplateParseError as problem:
        raise ClientError(f"template parsing error: {problem.message}", exit_code=64) from None
    except TemplateError as problem:
        raise ClientError(problem.message) from None
