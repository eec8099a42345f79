"""Targets of bake files worked out: variables, matrices, what they inherit, groups, and --set. Pure."""

import fnmatch
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sampan.bake.files import Definition, over
from sampan.dockerfile.errors import nearest
from sampan.errors import InvalidArgument, NotFound

MAPPINGS = ("args", "labels", "contexts", "extra-hosts")
LISTS = (
    "annotations", "attest", "cache-from", "cache-to", "entitlements", "no-cache-filter", "output", "platforms",
    "secret", "ssh", "tags", "ulimits",
)  # fmt: skip
BOOLEANS = ("no-cache", "pull")
TEXTS = ("call", "context", "description", "dockerfile", "dockerfile-inline", "network", "shm-size", "target")
_OTHER_NAMES = {"platform": "platforms", "secrets": "secret", "no_cache": "no-cache"}
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_MOST_TARGETS = 1000


def resolved(
    definition: Definition, wanted: Sequence[str], sets: Sequence[str], values: Mapping[str, str]
) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    """(groups, targets by name) that `wanted` come to, "default" for none. `values` replace variables' defaults, `sets`
    are TARGET.KEY=VALUE. Raises InvalidArgument, NotFound."""
    variables = {**definition.variables, **{k: v for k, v in values.items() if k in definition.variables}}
    builtin = {"BAKE_CMD_CONTEXT": ".", "BAKE_LOCAL_PLATFORM": values.get("BAKE_LOCAL_PLATFORM", "")}
    targets, groups = _expanded(definition, {**builtin, **variables})
    names, found = {}, {}
    for name in wanted or ("default",):
        names[name] = list(dict.fromkeys(_members(name, targets, groups, ())))
        for member in names[name]:
            found[member] = _inherited(member, targets, ())
    shown = {"default": list(found)}
    shown.update({name: members for name, members in names.items() if name in groups and name != "default"})
    for text in sets:
        _set(text, found)
    return shown, {name: _checked(name, fields) for name, fields in found.items()}


def _expanded(
    definition: Definition, variables: Mapping[str, str]
) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """Targets with their variables filled in, matrices multiplied out; a matrix is a group of what it gives."""
    targets: dict[str, dict[str, Any]] = {}
    groups = {name: [_filled(item, variables) for item in members] for name, members in definition.groups.items()}
    for name, fields in definition.targets.items():
        if "matrix" not in fields:
            targets[name] = _filled(fields, variables)
            continue
        groups[name] = []
        rest = {key: value for key, value in fields.items() if key not in ("matrix", "name")}
        for choice in _choices(name, fields["matrix"]):
            if "name" not in fields:
                raise InvalidArgument(f"target {name} has a matrix but no name", hint='"name": "app-${item}"')
            own = _filled(str(fields["name"]), {**variables, **choice})
            if own in targets or len(targets) > _MOST_TARGETS:
                raise InvalidArgument(f"the matrix of target {name} gives {own} twice, or too many targets")
            targets[own] = _filled(rest, {**variables, **choice})
            groups[name].append(own)
    return targets, groups


def _choices(name: str, matrix: Any) -> Iterator[dict[str, str]]:
    if not isinstance(matrix, Mapping) or not all(isinstance(items, list) for items in matrix.values()):
        raise InvalidArgument(f"matrix of target {name} is no mapping of lists", hint='"matrix": {"item": ["a", "b"]}')
    for chosen in itertools.product(*matrix.values()):
        found: dict[str, str] = {}
        for key, item in zip(matrix, chosen, strict=True):
            if isinstance(item, Mapping):
                found.update({f"{key}.{field}": str(value) for field, value in item.items()})
            else:
                found[key] = str(item)
        yield found


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _value(match, variables), value) if "$" in value else value
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    if isinstance(value, Mapping):
        return {key: _filled(item, variables) for key, item in value.items()}
    return value


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match[1] is None:
        return "${"
    name = match[1].strip()
    if name not in variables:
        near = nearest(name, list(variables))
        hint = f"did you mean {near}?" if near else "only ${NAME} is filled in: functions of HCL are not"
        raise InvalidArgument(f'there is no variable named "{name}"', hint=hint)
    return variables[name]


def _members(
    name: str, targets: Mapping[str, Any], groups: Mapping[str, Sequence[str]], above: tuple[str, ...]
) -> Iterator[str]:
    """The targets that a name comes to."""
    if name in above:
        raise InvalidArgument(f"group {name} holds itself", hint=" -> ".join((*above, name)))
    if name in groups and not (name in targets and not groups[name]):
        for member in groups[name]:
            yield from _members(member, targets, groups, (*above, name))
    elif name in targets:
        yield name
    else:
        near = nearest(name, [*targets, *groups])
        known = ", ".join(sorted((*targets, *groups)))
        raise NotFound(f"failed to find target {name}", hint=f"did you mean {near}?" if near else f"known are {known}")


def _inherited(name: str, targets: Mapping[str, dict[str, Any]], above: tuple[str, ...]) -> dict[str, Any]:
    """A target's fields over those that it inherits."""
    if name in above:
        raise InvalidArgument(f"target {name} inherits itself", hint=" -> ".join((*above, name)))
    if name not in targets:
        raise NotFound(f"failed to find target {name}", hint=f"{above[-1]} inherits it")
    fields = targets[name]
    inherited = fields.get("inherits") or ()
    result: dict[str, Any] = {}
    for parent in [inherited] if isinstance(inherited, str) else inherited:
        result = over(result, _inherited(parent, targets, (*above, name)))
    return over(result, {key: value for key, value in fields.items() if key != "inherits"})


def _set(text: str, targets: dict[str, dict[str, Any]]) -> None:
    """--set TARGET.KEY[.NAME]=VALUE; a list is replaced by the first value, and further ones are added."""
    path, equals, value = text.partition("=")
    pattern, dot, key = path.partition(".")
    if not equals or not dot or not key:
        raise InvalidArgument(
            f"invalid override {text}, expected target.name=value", hint="such as --set app.args.VERSION=2"
        )
    matching = [name for name in targets if fnmatch.fnmatchcase(name, pattern)]
    if not matching:
        raise NotFound(f"could not find any target matching '{pattern}'")
    key, _, name = key.partition(".")
    key = _OTHER_NAMES.get(key, key)
    for target in matching:
        fields = targets[target]
        if key in MAPPINGS and name:
            fields[key] = {**(fields.get(key) or {}), name: value}
        elif key in LISTS and not name:
            before = fields.get(key)
            fields[key] = [*before, value] if isinstance(before, _Replaced) else _Replaced([value])
            fields[key] = _Replaced(fields[key])
        elif key in BOOLEANS:
            fields[key] = value.lower() in ("true", "1")
        elif key in TEXTS:
            fields[key] = value
        elif key in ("push", "load"):
            wanted = "type=registry" if key == "push" else "type=docker"
            if value.lower() in ("true", "1"):
                fields["output"] = [wanted]
        else:
            known = ", ".join(sorted((*MAPPINGS, *LISTS, *BOOLEANS, *TEXTS)))
            raise InvalidArgument(f"unknown key: {key}", hint=f"known are {known}")


class _Replaced(list[Any]):
    """A list that --set gave."""


def _checked(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The target's fields, of the types that they have to be. Raises InvalidArgument."""
    result: dict[str, Any] = {"context": ".", "dockerfile": "Dockerfile"}
    for given, value in fields.items():
        key = _OTHER_NAMES.get(given, given)
        if value is None:
            continue
        if key in MAPPINGS:
            is_right = isinstance(value, Mapping) and all(isinstance(v, str | bool | None) for v in value.values())
        elif key in LISTS:
            value = [value] if isinstance(value, str) else value
            is_right = isinstance(value, list) and all(isinstance(item, str | Mapping) for item in value)
            value = [_object(item) for item in value]
        elif key in BOOLEANS:
            value = value if isinstance(value, bool) else str(value).lower() in ("true", "1")
            is_right = True
        elif key in TEXTS:
            is_right = isinstance(value, str)
        else:
            near = nearest(key, [*MAPPINGS, *LISTS, *BOOLEANS, *TEXTS])
            raise InvalidArgument(f"target {name}: unknown field {given}", hint=f"did you mean {near}?" if near else "")
        if not is_right:
            raise InvalidArgument(f"target {name}: {given} has another type", hint="strings stand in quotes")
        result[key] = value
    return result


def _object(item: Any) -> Any:
    """A list's entry as a text: {"type": "local", "dest": "x"} is type=local,dest=x."""
    if isinstance(item, Mapping):
        return ",".join(f"{key}={value}" for key, value in item.items())
    return item
