"""The services of Compose files laid over each other, with their variables filled in: as far as images go."""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sampan.compose import dotenv
from sampan.compose.document import MOST_BYTES, Node, read
from sampan.compose.interpolation import filled
from sampan.errors import InvalidArgument, NotFound

_UNREAD = {"extends": "services", "include": ""}
_HINT = "docker compose config > resolved.yaml writes one file without it"


class Project(NamedTuple):
    """`services` by name, each with its fields; relative paths are below `folder`."""

    folder: str
    services: Mapping[str, Mapping[str, Node]]
    environment: Mapping[str, str]

    def text(self, node: Node, path: str) -> str:
        """A scalar with its variables filled in. Raises Mistake."""
        value = node.value
        if value is None or isinstance(value, Mapping | tuple):
            raise node.mistake("must be a string", path=path)
        try:
            return filled(str(value), self.environment.get) if isinstance(value, str) else _plain(value)
        except InvalidArgument as error:
            raise node.mistake(error.message, path=path, hint=error.hint) from error


def load(files: Sequence[str], environment: Mapping[str, str]) -> Project:
    """The files in their order: what a later one says holds. Variables come from `environment`, else from .env beside
    the first. Raises NotFound for a file that is not there, Mistake."""
    folder = os.path.dirname(files[0])
    path = os.path.join(folder, ".env")
    known = dotenv.parse(read_file(path).decode(errors="replace"), environment) if os.path.isfile(path) else {}
    services: dict[str, Mapping[str, Node]] = {}
    for file in files:
        root = read(read_file(file), file)
        fields = root.mapping("")
        _refuse_unread("include", fields, "include")
        if "services" not in fields and not services:
            raise root.mistake("there are no services", hint="services: {web: {image: nginx}}")
        for name, node in fields.get("services", Node({}, file, 1, 1)).mapping("services").items():
            service = node.mapping(f"services.{name}")
            _refuse_unread("extends", service, f"services.{name}.extends")
            services[name] = _over(services.get(name, {}), {} if node.tag == "!reset" else service, node.tag)
    return Project(folder, services, {**known, **environment})


def _refuse_unread(key: str, fields: Mapping[str, Node], path: str) -> None:
    if key in fields:
        raise fields[key].mistake("is not followed by sampan", path=path, hint=_HINT)


def _over(below: Mapping[str, Node], above: Mapping[str, Node], tag: str = "") -> dict[str, Node]:
    """Fields of a later file over those of an earlier: mappings entry by entry, `build` and `args` in either form."""
    if tag in ("!override", "!reset"):
        return dict(above)
    result = dict(below)
    for key, node in above.items():
        before = result.get(key)
        if node.tag == "!reset":
            result.pop(key, None)
        elif before is not None and key in ("build", "args", "additional_contexts") and node.tag != "!override":
            result[key] = node._replace(value=_over(entries(before, key), entries(node, key)))
        elif before is not None and isinstance(before.value, tuple) and isinstance(node.value, tuple) and not node.tag:
            result[key] = node._replace(value=(*before.value, *node.value))
        else:
            result[key] = node
    return result


def entries(node: Node, key: str) -> Mapping[str, Node]:
    """A mapping in whichever form: a text is the context of a build, a list holds NAME=VALUE. Raises Mistake."""
    if key == "build" and isinstance(node.value, str):
        return {"context": node}
    if not isinstance(node.value, tuple):
        return node.mapping(key)
    found = {}
    for item in node.value:
        name, equals, value = item.text(key).partition("=")
        found[name] = item._replace(value=value if equals else None)
    return found


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_file(path: str) -> bytes:
    """A document's file. Raises NotFound for one that cannot be read, InvalidArgument for one that is too large."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            data = file.read(MOST_BYTES + 1) or b""
    except OSError as error:
        raise NotFound(f"open {path}: {(error.strerror or '').lower()}") from error
    if len(data) > MOST_BYTES:
        raise InvalidArgument(f"{path} is larger than {MOST_BYTES >> 20} MiB")
    return data
