"""Bake files as plain values: JSON in bake's own form, and Compose files, whose services with a `build` are targets.

{"variable": {NAME: {"default": TEXT}}, "group": {NAME: {"targets": [...]}}, "target": {NAME: {...}}}
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.compose import services
from sampan.compose.document import MOST_BYTES, Node, read
from sampan.errors import NotFound, Unsupported

DEFAULTS = (
    "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "docker-bake.json",
    "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl",
)  # fmt: skip
_COMPOSE = (".yaml", ".yml")
_MAPPINGS = ("args", "labels", "contexts")
_BUILD_KEYS = {
    "additional_contexts": "contexts",
    "cache_from": "cache-from",
    "cache_to": "cache-to",
    "dockerfile_inline": "dockerfile-inline",
    "extra_hosts": "extra-hosts",
    "no_cache": "no-cache",
    "shm_size": "shm-size",
}
_TAKEN = (
    "args", "cache-from", "cache-to", "contexts", "context", "dockerfile", "dockerfile-inline", "entitlements",
    "extra-hosts", "labels", "network", "no-cache", "platforms", "pull", "shm-size", "ssh", "tags", "target",
)  # fmt: skip


class Definition(NamedTuple):
    """What files say. Fields of targets are texts, booleans, None, lists and mappings of texts."""

    variables: dict[str, str]
    groups: dict[str, list[str]]
    targets: dict[str, dict[str, Any]]


def default_files(folder: str = ".") -> list[str]:
    """The files that are read when none is named. Raises NotFound."""
    found = [name for name in DEFAULTS if os.path.isfile(os.path.join(folder, name))]
    if not found:
        raise NotFound("no bake file found", hint="write docker-bake.json or compose.yaml, or name a file with -f")
    return found


def load(paths: Sequence[str], environment: Mapping[str, str]) -> Definition:
    """The files in their order: what a later one says of a target holds. Raises NotFound, Mistake, Unsupported."""
    whole = Definition({}, {}, {})
    compose = [path for path in paths if path.endswith(_COMPOSE)]
    if compose:
        _add_services(whole, compose, environment)
    for path in paths:
        if path not in compose:
            _add_json(whole, path)
    return whole


def over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A target's fields over those that it stands on: mappings entry by entry, everything else whole."""
    both = (key for key in _MAPPINGS if isinstance(below.get(key), Mapping) and isinstance(above.get(key), Mapping))
    merged = {key: {**below[key], **above[key]} for key in both}
    return {**below, **above, **merged}


def _add_json(whole: Definition, path: str) -> None:
    if path.endswith(".hcl"):
        raise Unsupported(
            f"{path}: HCL is not read by sampan",
            hint="write it as docker-bake.json: `docker buildx bake --print` shows its targets in that form",
        )
    root = read(_bytes(path), path).mapping("")
    for name, node in root.get("variable", Node({}, path, 1, 1)).mapping("variable").items():
        default = node.mapping(f"variable.{name}").get("default")
        whole.variables[name] = "" if default is None or default.value is None else _text(default.value)
    for name, node in root.get("group", Node({}, path, 1, 1)).mapping("group").items():
        targets = node.mapping(f"group.{name}").get("targets")
        listed = targets.sequence(f"group.{name}.targets") if targets is not None else ()
        whole.groups[name] = [item.text(f"group.{name}.targets") for item in listed]
    for name, node in root.get("target", Node({}, path, 1, 1)).mapping("target").items():
        fields = _plain(node)
        if not isinstance(fields, dict):
            raise node.mistake("must be a mapping", path=f"target.{name}")
        whole.targets[name] = over(whole.targets.get(name, {}), fields)


def _add_services(whole: Definition, paths: Sequence[str], environment: Mapping[str, str]) -> None:
    project = services.load(paths, environment)
    names = []
    for name, service in project.services.items():
        if "build" not in service:
            continue
        build = _filled(project, services.entries(service["build"], "build"), f"services.{name}.build")
        extra = build.pop("x-bake", {})
        fields = {_BUILD_KEYS.get(key, key): value for key, value in build.items()}
        fields = {key: value for key, value in fields.items() if key in _TAKEN}
        for key in _MAPPINGS:
            if key in fields:
                fields[key] = _mapping(fields[key])
        if isinstance(fields.get("extra-hosts"), list):
            fields["extra-hosts"] = _mapping(fields["extra-hosts"])
        context = fields.get("context", ".")
        if "://" not in context and not os.path.isabs(context):
            fields["context"] = os.path.normpath(os.path.join(project.folder, context))
        if "image" in service:
            image = project.text(service["image"], f"services.{name}.image")
            fields["tags"] = list(dict.fromkeys([*fields.get("tags", ()), image]))
        whole.targets[name.replace(".", "_")] = over(fields, dict(extra))
        names.append(name.replace(".", "_"))
    whole.groups["default"] = names


def _filled(project: services.Project, fields: Mapping[str, Node], path: str) -> dict[str, Any]:
    """Values with the project's variables filled in."""

    def value(node: Node, where: str) -> Any:
        if isinstance(node.value, Mapping):
            return {key: value(inner, f"{where}.{key}") for key, inner in node.value.items()}
        if isinstance(node.value, tuple):
            return [value(inner, where) for inner in node.value]
        return None if node.value is None else project.text(node, where)

    return {key: value(node, f"{path}.{key}") for key, node in fields.items()}


def _mapping(value: Any) -> dict[str, Any]:
    """A mapping, or a list of NAME=VALUE."""
    if isinstance(value, Mapping):
        return dict(value)
    return {text.partition("=")[0]: text.partition("=")[2] if "=" in text else None for text in value}


def _plain(node: Node) -> Any:
    if isinstance(node.value, Mapping):
        return {key: _plain(inner) for key, inner in node.value.items()}
    if isinstance(node.value, tuple):
        return [_plain(inner) for inner in node.value]
    return node.value if node.value is None or isinstance(node.value, bool) else _text(node.value)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bytes(path: str) -> bytes:
    if path == "-":
        import sys

        return sys.stdin.buffer.read(MOST_BYTES)
    return services.read_file(path)
