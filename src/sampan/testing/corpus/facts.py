"""What an image is, from its `docker save` archive: the files above its base, the configuration, the history.

Times are left out: two builds differ in them. A fact of a file is one line of text,

    app/main.py: f 0644 0:0 5 8e3c9a0b1d2f        size and the start of the SHA-256
    app: d 0755 1000:1000
    app/current: l 0:0 -> main.py
    etc/motd: -                                    the base has it, the image does not

with the extended attributes after it. The busybox of the stand-ins is the host's: it counts as `busybox`.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping
from typing import IO, Any, NamedTuple

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_XATTR = "SCHILY.xattr."


class Base(NamedTuple):
    """A stand-in: its layers' diff IDs, how many history entries it has, and the content that is this host's."""

    diff_ids: tuple[str, ...]
    history: int


def facts(archive: str, bases: Iterable[Base], programs: Mapping[str, str]) -> dict[str, Any]:
    """The facts of the one image in the file `archive`. `programs` are names for contents, by their SHA-256."""
    with tarfile.open(archive) as tar:
        manifest = json.load(_member(tar, "manifest.json"))[0]
        config = json.load(_member(tar, manifest["Config"]))
        diff_ids = tuple(config["rootfs"]["diff_ids"] or ())
        base = max(
            (base for base in bases if diff_ids[: len(base.diff_ids)] == base.diff_ids),
            key=lambda base: (len(base.diff_ids), base.history),
            default=Base((), 0),
        )
        below: dict[str, str] = {}
        whole: dict[str, str] = {}
        for number, name in enumerate(manifest["Layers"] or ()):
            if number == len(base.diff_ids):
                below = dict(whole)
            with tarfile.open(fileobj=_member(tar, name)) as layer:
                _apply(layer, whole, programs)
        if len(manifest["Layers"] or ()) == len(base.diff_ids):
            below = dict(whole)
    return {
        "files": _difference(below, whole),
        "config": {key: value for key, value in sorted(config["config"].items()) if value},
        "history": [
            [entry.get("created_by", ""), entry.get("empty_layer", False), entry.get("comment", "")]
            for entry in config["history"][base.history :]
        ],
        "layers": len(diff_ids) - len(base.diff_ids),
        "platform": "/".join(config.get(key, "") for key in ("os", "architecture", "variant")).rstrip("/"),
        **({"author": config["author"]} if config.get("author") else {}),
    }


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file


def _apply(layer: tarfile.TarFile, whole: dict[str, str], programs: Mapping[str, str]) -> None:
    """Lay one layer over what is there: first what it hides, then what it brings."""
    members = [(member.name.removeprefix("./").strip("/"), member) for member in layer]
    for path, _ in members:
        folder, _, name = path.rpartition("/")
        if name == _OPAQUE:
            _remove_below(whole, folder)
        elif name.startswith(_WHITEOUT):
            _remove(whole, f"{folder}/{name.removeprefix(_WHITEOUT)}".lstrip("/"))
    for path, member in members:
        if path.rpartition("/")[2].startswith(_WHITEOUT):
            continue
        if not member.isdir():
            _remove_below(whole, path)
        whole[path or "."] = _fact(layer, member, whole, programs)


def _remove(whole: dict[str, str], path: str) -> None:
    whole.pop(path, None)
    _remove_below(whole, path)


def _remove_below(whole: dict[str, str], folder: str) -> None:
    for path in [path for path in whole if path.startswith(folder + "/")]:
        del whole[path]


def _fact(
    layer: tarfile.TarFile, member: tarfile.TarInfo, whole: Mapping[str, str], programs: Mapping[str, str]
) -> str:
    mode, owner = f"{member.mode & 0o7777:04o}", f"{member.uid}:{member.gid}"
    xattrs = "".join(
        f" {key.removeprefix(_XATTR)}={value.encode('utf-8', 'surrogateescape').hex()}"
        for key, value in sorted(member.pax_headers.items())
        if key.startswith(_XATTR)
    )
    if member.islnk():
        return whole[member.linkname.removeprefix("./").strip("/")]
    if member.isdir():
        return f"d {mode} {owner}{xattrs}"
    if member.issym():
        return f"l {owner}{xattrs} -> {member.linkname}"
    if member.isreg():
        content = _member(layer, member.name).read() if member.size else b""
        digest = hashlib.sha256(content).hexdigest()
        return f"f {mode} {owner} {programs.get(digest, f'{member.size} {digest[:12]}')}{xattrs}"
    return f"{member.type.decode()} {mode} {owner} {member.devmajor}:{member.devminor}{xattrs}"


def _difference(below: Mapping[str, str], whole: Mapping[str, str]) -> list[str]:
    changed = [f"{path}: {fact}" for path, fact in whole.items() if below.get(path) != fact]
    return sorted([*changed, *(f"{path}: -" for path in below if path not in whole)])
