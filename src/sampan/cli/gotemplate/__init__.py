"""Go's text/template as far as --format uses it: parse once, execute over plain values.

    Template("{{range .Mounts}}{{.Source}} {{end}}").execute(value)

Values are dicts (Go's maps, and structs where `Settings.open_maps` says so), lists, strings, numbers, booleans, None
and `Record`. Left out: define, template, block, html, js, urlquery, call.
"""

from sampan.cli.gotemplate.execute import Settings, execute
from sampan.cli.gotemplate.parser import parse
from sampan.cli.gotemplate.values import Record, TemplateError, TemplateParseError, Value, to_json

__all__ = ["Record", "Settings", "Template", "TemplateError", "TemplateParseError", "Value", "to_json"]


class Template:
    """A parsed template. `name` stands in error messages, as Go's does. Raises TemplateParseError."""

    def __init__(self, text: str, *, name: str = "", settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._name = name
        self._text = text
        self._nodes = parse(text, name, self._settings.functions)

    def execute(self, value: Value) -> str:
        """The text for `value`. Raises TemplateError, whose `output` holds what was written until then."""
        return execute(self._nodes, value, self._text, self._name, self._settings)
