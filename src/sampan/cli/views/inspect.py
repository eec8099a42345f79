"""`inspect`: documents as JSON or through a template."""

from collections.abc import Mapping, Sequence

from sampan.cli.errors import ClientError
from sampan.cli.gotemplate import Settings, Template, TemplateError, TemplateParseError, Value, to_json

# Fields whose value is a map with free keys in docker's own types; every other object is a struct.
OPEN_MAPS = frozenset(
    [
        "Annotations",
        "Containers",
        "Data",
        "DriverOpts",
        "ExposedPorts",
        "IPAMOptions",
        "Labels",
        "Networks",
        "Options",
        "PortBindings",
        "Ports",
        "StorageOpt",
        "Sysctls",
        "Tmpfs",
        "Volumes",
    ]
)


def documents(values: Sequence[Mapping[str, Value]]) -> str:
    """All of them as one JSON array, indented by four; an empty one on one line."""
    return to_json(list(values), indent=4) + "\n" if values else "[]\n"


class Inspection:
    """One --format for any number of documents. Raises ClientError for a template that can't be read."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._template: Template | None = None
        if form and form != "json":
            try:
                self._template = Template(form, settings=Settings(missing_is_error=True, open_maps=OPEN_MAPS))
            except TemplateParseError as problem:
                raise ClientError(f"template parsing error: {problem.message}", exit_code=64) from None

    def render(self, values: Sequence[Mapping[str, Value]]) -> str:
        """The text for all documents. Raises ClientError; `partial` has what came before the problem."""
        if self._template is None:
            return to_json(list(values)) + "\n" if self._form else documents(values)
        lines: list[str] = []
        for value in values:
            try:
                lines.append(self._template.execute(value) + "\n")
            except TemplateError as problem:
                raise PartialOutput(problem.message, "".join(lines) + problem.output + "\n") from None
        return "".join(lines)


class PartialOutput(ClientError):
    """A template failed on a document; `output` is what goes to stdout all the same."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(f"template parsing error: {message}")
        self.output = output
