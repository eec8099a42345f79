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

# Fields that are lists in docker's own types: nil ones print as empty.
LISTS = frozenset(
    [
        "Args", "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps",
        "BlkioWeightDevice", "CapAdd", "CapDrop", "Cmd", "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns",
        "DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExecIDs", "ExtraHosts", "GroupAdd", "Links", "MaskedPaths",
        "Mounts", "OnBuild", "ReadonlyPaths", "RepoDigests", "RepoTags", "SecurityOpt", "Shell", "Ulimits",
        "VolumesFrom",
    ]
)  # fmt: skip
_CONFIG: Mapping[str, Value] = {
    "ExposedPorts": None, "Healthcheck": None, "OnBuild": None, "Shell": None, "StopSignal": "", "StopTimeout": None,
}  # fmt: skip
_CONTAINER: Mapping[str, Mapping[str, Value]] = {
    "": {"ExecIDs": None, "SizeRootFs": None, "SizeRw": None},
    "Config": _CONFIG,
    "HostConfig": {
        "Annotations": None,
        "Init": None,
        "Mounts": None,
        "StorageOpt": None,
        "Sysctls": None,
        "Tmpfs": None,
    },
    "State": {"Health": None},
}
_IMAGE: Mapping[str, Mapping[str, Value]] = {"Config": _CONFIG}
"""What JSON leaves out and a template sees all the same, by the object that it belongs to."""


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
                self._template = Template(
                    form, settings=Settings(missing_is_error=True, open_maps=OPEN_MAPS, lists=LISTS)
                )
            except TemplateParseError as problem:
                raise ClientError(f"template parsing error: {problem.message}", exit_code=64) from None

    def render(self, values: Sequence[Mapping[str, Value]]) -> str:
        """The text for all documents. Raises ClientError; `partial` has what came before the problem."""
        if self._template is None:
            return to_json(list(values)) + "\n" if self._form else documents(values)
        lines: list[str] = []
        for value in values:
            try:
                lines.append(_executed(self._template, value) + "\n")
            except TemplateError as problem:
                raise PartialOutput(problem.message, "".join(lines) + problem.output + "\n") from None
        return "".join(lines)


def _executed(template: Template, value: Mapping[str, Value]) -> str:
    """As docker does: first on its own types, which have every field, then on what JSON has, whose error is told."""
    try:
        return template.execute(_typed(value))
    except TemplateError:
        return template.execute(value)


def _typed(value: Mapping[str, Value]) -> Mapping[str, Value]:
    absent = _CONTAINER if "HostConfig" in value else _IMAGE if "RootFS" in value else {}
    typed = {**absent.get("", {}), **value}
    for name, fields in absent.items():
        inner = value.get(name)
        if name and isinstance(inner, Mapping):
            typed[name] = {**fields, **inner}
    return typed


class PartialOutput(ClientError):
    """A template failed on a document; `output` is what goes to stdout all the same."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(f"template parsing error: {message}")
        self.output = output
