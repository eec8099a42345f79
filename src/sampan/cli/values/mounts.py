"""-v / --volume and --tmpfs.

volume = [source ":"] target [":" option {"," option}]
"""

import os
import posixpath

from sampan.cli.errors import OptionError
from sampan.containers.options import Mount
from sampan.errors import InvalidArgument

PROPAGATION = frozenset(["private", "rprivate", "shared", "rshared", "slave", "rslave"])
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
        elif word in PROPAGATION and mount.type == "bind":
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
