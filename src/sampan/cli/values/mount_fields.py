"""--mount: field {"," field}, a field being key or key=value."""

import os
import sys

from sampan.cli.kinds import read_bool, read_size
from sampan.cli.values.fields import split_fields, split_pair
from sampan.containers.options import Mount

_KEYS = {"dst": "target", "destination": "target", "src": "source", "ro": "readonly"}
_SWITCHES = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive")
_PLAIN = ("consistency", "image-subpath", "target", "volume-driver", "volume-subpath")
_PAIRS = ("volume-label", "volume-opt")
_RECURSION = ("enabled", "disabled", "writable", "readonly")
_OWNERS = ("bind", "image", "tmpfs", "volume")


class _Fields:
    """What has been read of one --mount. `given` are the keys, under their full names."""

    __slots__ = ("given", "pairs", "tmpfs", "values")

    def __init__(self) -> None:
        self.given: list[str] = []
        self.values: dict[str, str] = {"type": "volume"}
        self.pairs: dict[str, dict[str, str]] = {name: {} for name in _PAIRS}
        self.tmpfs: list[str] = []


def read_mount(text: str) -> Mount:
    """One --mount. Raises ValueError in docker's words; what the engine would refuse is in `containers/mount_rules`."""
    fields = _Fields()
    for field in split_fields(text):
        key, value, equals = split_pair(field)
        if not equals:
            if key not in _SWITCHES:
                raise ValueError(f"invalid field '{field}' must be a key=value pair")
            value = "true"
        elif key == "bind-nonrecursive":
            print("bind-nonrecursive is deprecated, use bind-recursive=disabled instead", file=sys.stderr)
        _take(fields, field, key, value)
    values = fields.values
    if "target" not in values:
        raise ValueError("target is required")
    _check_owners(fields)
    _check_recursion(values)
    return Mount(
        values["type"],
        values.get("source", ""),
        values["target"],
        read_only=values.get("readonly") == "true",
        options=tuple(fields.tmpfs),
        propagation=values.get("bind-propagation", ""),
        no_copy=values.get("volume-nocopy") == "true",
        long_form=True,
        subpath=values.get("volume-subpath", "") or values.get("image-subpath", ""),
        recursive=values.get("bind-recursive", "").replace("enabled", ""),
        driver=values.get("volume-driver", ""),
        driver_options=fields.pairs["volume-opt"],
        volume_labels=fields.pairs["volume-label"],
    )


def _take(fields: _Fields, field: str, key: str, value: str) -> None:
    name = _KEYS.get(key, key)
    fields.given.append(name)
    values = fields.values
    if name in ("type", "bind-propagation"):
        values[name] = value.lower()
    elif name == "source":
        values[name] = os.path.abspath(value) if value in (".", "..") or value.startswith(("./", "../")) else value
    elif name in _PLAIN:
        values[name] = value
    elif name in _PAIRS:
        name_, _, text = value.partition("=")
        fields.pairs[name][name_] = text
    elif name in _SWITCHES:
        is_on = _boolean(key, value)
        if name != "bind-nonrecursive":
            values[name] = "true" if is_on else "false"
        elif is_on:
            values["bind-recursive"] = "disabled"
    elif name == "bind-recursive":
        values[name] = _recursion(value)
    elif name in ("tmpfs-size", "tmpfs-mode"):
        fields.tmpfs.append(_tmpfs_option(name, value))
    else:
        raise ValueError(f"unexpected key '{key}' in '{field}'")


def _boolean(key: str, value: str) -> bool:
    try:
        return read_bool(value)
    except ValueError:
        raise ValueError(f"invalid value for {key}: {value}") from None


def _recursion(value: str) -> str:
    if value not in _RECURSION:
        raise ValueError(
            f'invalid value for bind-recursive: {value} (must be "enabled", "disabled", "writable", or "readonly")'
        )
    return value


def _tmpfs_option(name: str, value: str) -> str:
    if name == "tmpfs-mode":
        if not value or not set(value) <= set("01234567"):
            raise ValueError(f"invalid value for {name}: {value}")
        return f"mode={value}"
    try:
        return f"size={read_size(value)}"
    except ValueError:
        raise ValueError(f"invalid value for {name}: {value}") from None


def _check_owners(fields: _Fields) -> None:
    """A key that begins with a mount type belongs to it."""
    kind = fields.values["type"]
    for owner in _OWNERS:
        if owner != kind and any(name.startswith(owner + "-") for name in fields.given):
            raise ValueError(f"cannot mix '{owner}-*' options with mount type '{kind}'")


def _check_recursion(values: dict[str, str]) -> None:
    recursive = values.get("bind-recursive", "")
    if recursive not in ("writable", "readonly"):
        return
    if values.get("readonly") != "true":
        raise ValueError(f"option 'bind-recursive={recursive}' requires 'readonly' to be specified in conjunction")
    if recursive == "readonly" and values.get("bind-propagation", "") != "rprivate":
        raise ValueError(
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"
        )
