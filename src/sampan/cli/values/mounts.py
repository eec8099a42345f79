"""-v / --volume, --mount, --tmpfs and --volumes-from.

volume = [source ":"] target [":" option {"," option}]
mount  = field {"," field}, a field being key or key=value
"""

import os
import posixpath

from sampan.cli.errors import OptionError
from sampan.cli.kinds import read_bool, read_size
from sampan.cli.values.fields import split_fields, split_pair
from sampan.containers.options import Mount
from sampan.errors import InvalidArgument, Unsupported

_PROPAGATION = frozenset(["private", "rprivate", "shared", "rshared", "slave", "rslave"])
_CONSISTENCY = frozenset(["consistent", "cached", "delegated"])


def read_volume(text: str) -> Mount:
    """One -v. A relative source that begins with a dot is a path here; other words are names of volumes."""
    source, target, mode = _sections(text)
    is_bind = source.startswith(("/", ".", "~"))
    if source.startswith("."):
        source = os.path.abspath(source)
    mount = Mount("bind" if is_bind else "volume", source, _target(text, target, is_bind), create_source=is_bind)
    return _apply_mode(mount, mode) if mode else mount


def _sections(text: str) -> tuple[str, str, str]:
    """(source, target, mode) of a -v; source "" is an anonymous volume."""
    if not text:
        raise OptionError("invalid empty volume spec")
    parts = text.split(":")
    if len(text) > 2 and "" in parts:
        raise OptionError(f"invalid spec: {text}: empty section between colons")
    if len(parts) > 3:
        raise OptionError(f"invalid spec: {text}: too many colons")
    if len(parts) == 1:
        return "", text, ""
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""


def _target(text: str, target: str, is_bind: bool) -> str:
    clean = posixpath.normpath(posixpath.join("/", target))
    if clean.lstrip("/") == "":
        kind = "bind" if is_bind else "volume"
        raise InvalidArgument(
            f"invalid volume specification: '{text}': invalid mount config for type \"{kind}\": "
            "invalid specification: destination can't be '/'"
        )
    return clean


def _apply_mode(mount: Mount, mode: str) -> Mount:
    """The options after the second colon; each sort at most once. Raises InvalidArgument."""
    sorts: list[str] = []
    for word in mode.split(","):
        if word in ("ro", "rw"):
            sorts.append("access")
            mount = mount._replace(read_only=word == "ro")
        elif word in ("z", "Z"):
            sorts.append("label")
            mount = mount._replace(relabel=word)
        elif word in _PROPAGATION and mount.type == "bind":
            sorts.append("propagation")
            mount = mount._replace(propagation=word)
        elif word == "nocopy" and mount.type == "volume":
            sorts.append("copy")
            mount = mount._replace(no_copy=True)
        elif word in _CONSISTENCY and mount.type == "bind":
            sorts.append("consistency")
        else:
            raise InvalidArgument(f"invalid mode: {mode}")
    if len(set(sorts)) != len(sorts):
        raise InvalidArgument(f"invalid mode: {mode}")
    return mount


def read_tmpfs(text: str) -> Mount:
    """PATH[:OPTION,...]. Raises InvalidArgument."""
    path, _, options = text.partition(":")
    if not path.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{path}' mount path must be absolute")
    return Mount("tmpfs", "", posixpath.normpath(path), options=tuple(word for word in options.split(",") if word))


_TARGETS = ("target", "dst", "destination")
_SOURCES = ("source", "src")
_SWITCHES = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive")


def read_mount(text: str) -> Mount:
    """One --mount. Raises ValueError in docker's words; what the engine would refuse is found by `check_mount`."""
    fields: dict[str, str] = {"type": "volume"}
    options: list[str] = []
    for field in split_fields(text):
        key, value, equals = split_pair(field)
        if not equals:
            if key not in _SWITCHES:
                raise ValueError(f"invalid field '{field}' must be a key=value pair")
            value = "true"
        _take_field(fields, options, field, key, value)
    if "target" not in fields:
        raise ValueError("target is required")
    _check_sorts(fields, options)
    return Mount(
        fields["type"],
        fields.get("source", ""),
        fields["target"],
        read_only=fields.get("readonly") == "true",
        options=tuple(options),
        propagation=fields.get("bind-propagation", ""),
        no_copy=fields.get("volume-nocopy") == "true",
        long_form=True,
    )


def _take_field(fields: dict[str, str], options: list[str], field: str, key: str, value: str) -> None:
    if key == "type":
        fields["type"] = value.lower()
    elif key in _TARGETS:
        fields["target"] = value
    elif key in _SOURCES:
        fields["source"] = os.path.abspath(value) if value in (".", "..") or value.startswith(("./", "../")) else value
    elif key in ("readonly", "ro", "volume-nocopy"):
        try:
            fields["readonly" if key == "ro" else key] = "true" if read_bool(value) else "false"
        except ValueError:
            raise ValueError(f"invalid value for {key}: {value}") from None
    elif key == "bind-propagation":
        fields[key] = value.lower()
    elif key == "tmpfs-size":
        try:
            options.append(f"size={read_size(value)}")
        except ValueError:
            raise ValueError(f"invalid value for {key}: {value}") from None
    elif key == "tmpfs-mode":
        if not value or not set(value) <= set("01234567"):
            raise ValueError(f"invalid value for {key}: {value}")
        options.append(f"mode={value}")
    elif key == "volume-driver" and value == "local":
        fields[key] = value
    elif key in _REFUSED:
        raise ValueError(f"'{key}' is not supported by sampan")
    elif key != "consistency":
        raise ValueError(f"unexpected key '{key}' in '{field}'")


_REFUSED = frozenset(
    [
        "bind-nonrecursive",
        "bind-recursive",
        "volume-driver",
        "volume-opt",
        "volume-label",
        "volume-subpath",
        "image-subpath",
    ]
)


def _check_sorts(fields: dict[str, str], options: list[str]) -> None:
    kind = fields["type"]
    if "volume-nocopy" in fields and kind != "volume":
        raise ValueError(f"cannot mix 'volume-*' options with mount type '{kind}'")
    if "bind-propagation" in fields and kind != "bind":
        raise ValueError(f"cannot mix 'bind-*' options with mount type '{kind}'")
    if options and kind != "tmpfs":
        raise ValueError(f"cannot mix 'tmpfs-*' options with mount type '{kind}'")


def check_mount(mount: Mount) -> Mount:
    """What the engine refuses of a --mount before it looks at the disk. Raises InvalidArgument, Unsupported."""
    prefix = f'invalid mount config for type "{mount.type}": '
    if mount.type in ("image", "npipe", "cluster"):
        raise Unsupported(f"mounts of type {mount.type} are not supported")
    if mount.type not in ("bind", "volume", "tmpfs"):
        raise InvalidArgument(f"{prefix}mount type unknown")
    if not mount.target.startswith("/"):
        raise InvalidArgument(f"{prefix}invalid mount path: '{mount.target}' mount path must be absolute")
    target = posixpath.normpath(mount.target)
    if target.lstrip("/") == "":
        raise InvalidArgument(f"{prefix}invalid specification: destination can't be '/'")
    if mount.type == "bind":
        if not mount.source:
            raise InvalidArgument(f"{prefix}field Source must not be empty")
        if not mount.source.startswith("/"):
            raise InvalidArgument(f"{prefix}invalid mount path: '{mount.source}' mount path must be absolute")
        if mount.propagation and mount.propagation not in _PROPAGATION:
            raise InvalidArgument(f"{prefix}invalid propagation mode: {mount.propagation}")
    if mount.type == "tmpfs" and mount.source:
        raise InvalidArgument(f"{prefix}field Source must not be specified")
    return mount._replace(target=target)
