"""--format of listings: docker's table, json, raw, or a Go template for each row."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sampan.cli.errors import ClientError
from sampan.cli.gotemplate import Record, Settings, Template, TemplateError, TemplateParseError, Value, to_json
from sampan.cli.gotemplate.functions import FUNCTIONS
from sampan.cli.output import table
from sampan.dockerfile.errors import visible


class Listing(NamedTuple):
    """How one kind of object is listed.

    `headers` name the columns of a table by field; `columns` are those of the default table. `type_name` is what an
    unknown field is said to be missing in. `raw` are the lines of the raw format, (label, field). `json_fields` are
    the fields of JSON, sorted by the reader; () means all. `wrap` gives the words before a template's problem.
    """

    type_name: str
    headers: Mapping[str, str]
    columns: tuple[str, ...]
    raw: tuple[tuple[str, str], ...] = ()
    json_fields: tuple[str, ...] = ()
    parse_words: str = "failed to parse template: "
    execute_words: str = "failed to execute template: "


Row = Mapping[str, "Value | Callable[[str], Value]"]

# In the header row these leave their argument as it is.
_HEADER_FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    **FUNCTIONS,
    **{name: (lambda first, *rest: first) for name in ("json", "split", "join", "title", "lower", "upper")},
    **{name: (lambda first, *rest: first) for name in ("pad", "truncate")},
}


def render(listing: Listing, rows: Sequence[Row], form: str = "", columns: Sequence[str] = ()) -> str:
    """The text of a listing. `form` is what --format says, "" or "table" the default table of `columns`.

    Raises ClientError for a template that can't be read or does not fit, in docker's words.
    """
    if form in ("", "table"):
        return _default_table(listing, rows, columns or listing.columns)
    if form == "json":
        return "".join(_json_line(listing, row) for row in rows)
    if form == "raw" and listing.raw:
        return "".join(_raw_block(listing, row) for row in rows)
    if form.startswith("table"):
        return _table(listing, rows, form.removeprefix("table").strip(" "))
    return _lines(listing, rows, form)


def _default_table(listing: Listing, rows: Sequence[Row], columns: Sequence[str]) -> str:
    lines = [[listing.headers[name] for name in columns]]
    lines += [[visible(_text(row[name])) for name in columns] for row in rows]
    return table(lines)


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _json_line(listing: Listing, row: Row) -> str:
    names = listing.json_fields or sorted(name for name, value in row.items() if not callable(value))
    return to_json(Record(listing.type_name, {name: row[name] for name in names})) + "\n"


def _raw_block(listing: Listing, row: Row) -> str:
    return "".join(f"{label}: {_text(row[name])}".rstrip(" ") + "\n" for label, name in listing.raw) + "\n"


def _unescaped(form: str) -> str:
    return form.replace("\\t", "\t").replace("\\n", "\n")


def _parse(listing: Listing, form: str, settings: Settings) -> Template:
    try:
        return Template(_unescaped(form), settings=settings)
    except TemplateParseError as problem:
        raise ClientError(f"{listing.parse_words}{problem.message}") from None


def _execute(listing: Listing, template: Template, row: Row) -> str:
    # Sorted: {{json .}} prints the fields in this order.
    names = listing.json_fields or row
    row = {name: row[name] for name in sorted(row) if name in names or callable(row[name])}
    try:
        return template.execute(Record(listing.type_name, row))
    except TemplateError as problem:
        raise ClientError(
            f"{listing.execute_words}{problem.message}", hint=_fields_hint(row, problem.message)
        ) from None


def _fields_hint(row: Row, message: str) -> str:
    if "can't evaluate field" not in message:
        return ""
    return "fields are " + ", ".join(sorted(name for name, value in row.items() if not callable(value)))


def _lines(listing: Listing, rows: Sequence[Row], form: str) -> str:
    template = _parse(listing, form, Settings())
    return "".join(_execute(listing, template, row) + "\n" for row in rows)


def _table(listing: Listing, rows: Sequence[Row], form: str) -> str:
    template = _parse(listing, form, Settings())
    body = [visible(_execute(listing, template, row)) for row in rows]
    header_row: dict[str, Value | Callable[[str], Value]] = {**listing.headers}
    for name, value in (rows[0] if rows else {}).items():
        if callable(value):
            header_row[name] = _label_header
    headers = _parse(listing, form, Settings(functions=_HEADER_FUNCTIONS))
    try:
        first = headers.execute(Record(listing.type_name, header_row))
    except TemplateError as problem:
        raise ClientError(f"{listing.execute_words}{problem.message}") from None
    lines = [line.split("\t") for text in (first, *body) for line in text.split("\n")]
    widest = max(len(line) for line in lines)
    if any(len(line) != widest for line in lines):
        return "".join("\t".join(line) + "\n" for line in lines)
    return table(lines)


def _label_header(label: str) -> str:
    """The header of {{.Label "com.example.some-name"}}: the last part of the key, in words."""
    return label.rpartition(".")[2].replace("-", " ").replace("_", " ")
