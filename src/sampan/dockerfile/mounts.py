"""RUN --mount: one comma-separated list of key=value fields."""

import re
from collections.abc import Callable
from typing import NamedTuple

from sampan.dockerfile.errors import nearest
from sampan.dockerfile.words import quote
from sampan.errors import InvalidArgument

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_KEYS = (
    "type", "from", "source", "target", "id", "sharing", "required", "size", "mode", "uid", "gid", "env",
)  # fmt: skip
_ALIASES = {"src": "source", "dst": "target", "destination": "target"}
_WRITABLE = ("rw", "readwrite")
_READ_ONLY = ("ro", "readonly")
_MAY_STAND_ALONE = (*_READ_ONLY, *_WRITABLE, "required")
_SHARINGS = ("shared", "private", "locked")
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([kmgtp]?)i?b?", re.IGNORECASE)
_OCTAL = re.compile(r"0*[0-7]{1,9}")
_DECIMAL = re.compile(r"\d{1,10}")


class MountError(InvalidArgument):
    """A mount that cannot be."""


class MountFormError(MountError):
    """A mount that is no list of fields, or whose stage is named by a variable."""


class Mount(NamedTuple):
    """One mount of a RUN. `type` is bind, cache, tmpfs, secret or ssh; mode, uid and gid are None when not given."""

    type: str = "bind"
    target: str = ""
    source: str = ""
    from_: str = ""
    read_only: bool = True
    id: str = ""
    sharing: str = "shared"
    required: bool = False
    size_bytes: int = 0
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    env: str | None = None  # secret: the environment variable that holds it; then `target` may be ""


def parse_mount(text: str, expand: Callable[[str], str] = str) -> Mount:
    """Read the value of one --mount; `expand` replaces variables in every value but that of `from`.

    Raises MountError in BuildKit's words.
    """
    fields = _expanded(_fields(text), expand)
    return _validated(_Draft(fields).mount())


def check(text: str) -> None:
    """Raise what `parse_mount` would, as far as it can be known before variables have values."""
    fields = _fields(text)
    if not any("$" in value for _, _, value in fields):
        _validated(_Draft(_expanded(fields, str)).mount())


def stage_of(text: str) -> str:
    """The stage or image that a mount reads from, "" for the build context. Raises MountError."""
    return _last(text, "from")


def target_of(text: str) -> str:
    """The target of a mount as written, "" when it has none. Raises MountError."""
    return _last(text, "target")


def _last(text: str, wanted: str) -> str:
    found = ""
    for key, _, value in _fields(text):
        if key == wanted:
            found = value
    return found


def _fields(text: str) -> list[tuple[str, str | None, str]]:
    """(key in lower case, its value or None when it stands alone, the value as text) of each field, in order."""
    fields: list[tuple[str, str | None, str]] = []
    for field in _split(text):
        name, equals, value = field.partition("=")
        key = name.lower()
        key = _ALIASES.get(key, key) if equals else key
        if key == "from" and "$" in value:
            raise MountFormError(
                "'from' doesn't support variable expansion, define alias stage instead",
                hint="write FROM IMAGE:${VERSION} AS NAME earlier, and from=NAME here",
            )
        fields.append((key, value if equals else None, value))
    return fields


def _split(text: str) -> list[str]:
    """The fields of one CSV record: a field in double quotes may hold commas, "" in it is one quote."""
    if not text:
        raise MountFormError("failed to parse csv mounts: EOF", hint="write --mount=type=TYPE,target=PATH")
    fields: list[str] = []
    position = 0
    while True:
        if text.startswith('"', position):
            end = position + 1
            while (end := text.find('"', end)) >= 0 and text.startswith('""', end):
                end += 2
            if end < 0 or text[end + 1 : end + 2] not in ("", ","):
                raise MountFormError(f'failed to parse csv mounts: extraneous or missing " in {quote(text)}')
            fields.append(text[position + 1 : end].replace('""', '"'))
            position = end + 1
        else:
            end = text.find(",", position)
            end = len(text) if end < 0 else end
            fields.append(text[position:end])
            position = end
        if position >= len(text):
            return fields
        position += 1


def _expanded(fields: list[tuple[str, str | None, str]], expand: Callable[[str], str]) -> list[tuple[str, str | None]]:
    return [(key, value if value is None or key == "from" else expand(value)) for key, value, _ in fields]


class _Draft:
    """A mount that is filled field by field; a field may precede the type that forbids it, so that is judged last."""

    def __init__(self, fields: list[tuple[str, str | None]]) -> None:
        self._given = dict[str, str]()
        for key, value in fields:
            self._add(key, value)

    def _add(self, key: str, value: str | None) -> None:
        if value is None:
            if key not in _MAY_STAND_ALONE:
                raise MountError(f"invalid field '{key}' must be a key=value pair")
            value = "true"
        if key in _WRITABLE:
            self._given["readonly"] = "false" if _truth(key, value) else "true"
        elif key in _READ_ONLY:
            self._given["readonly"] = "true" if _truth(key, value) else "false"
        elif key in _KEYS:
            self._given[key] = value
        else:
            near = nearest(key, (*_KEYS, *_ALIASES, *_READ_ONLY, *_WRITABLE))
            suggestion = f" (did you mean {near}?)" if near else ""
            raise MountError(f"unexpected key '{key}' in '{key}={value}'{suggestion}")

    def mount(self) -> Mount:
        given = self._given
        kind = given.get("type", "bind").lower()
        if kind not in _TYPES:
            near = nearest(kind, _TYPES)
            hint = f"did you mean {near}?" if near else "one of " + ", ".join(_TYPES)
            raise MountError(f"unsupported mount type {quote(kind)}", hint=hint)
        self._judge(kind)
        sharing = given.get("sharing", "shared").lower()
        if sharing not in _SHARINGS:
            raise MountError(f"unsupported sharing value {quote(sharing)}", hint="one of " + ", ".join(_SHARINGS))
        return Mount(
            type=kind,
            target=given.get("target", ""),
            source=given.get("source", ""),
            from_=given.get("from", ""),
            read_only=given.get("readonly", "true" if kind == "bind" else "false") == "true",
            id=given.get("id", ""),
            sharing=sharing,
            required=_truth("required", given.get("required", "false")),
            size_bytes=_size(given["size"]) if "size" in given else 0,
            mode=_number(given, "mode", _OCTAL, 8),
            uid=_number(given, "uid", _DECIMAL, 10),
            gid=_number(given, "gid", _DECIMAL, 10),
            env=given.get("env"),
        )

    def _judge(self, kind: str) -> None:
        """Fields that only some types have."""
        if "size" in self._given and kind != "tmpfs":
            raise MountError(f"unexpected key 'size' for mount type '{kind}'")
        if "required" in self._given and kind not in ("secret", "ssh"):
            raise MountError(f"unexpected key 'required' for mount type '{kind}'")
        for key in ("mode", "uid", "gid"):
            if key in self._given and kind not in ("cache", "secret", "ssh"):
                raise MountError(f"{key} not allowed for {quote(kind)} type mounts")
        if "sharing" in self._given and kind != "cache":
            raise MountError(f"invalid cache sharing set for {kind} mount")


def _validated(mount: Mount) -> Mount:
    if mount.type == "secret":
        if mount.from_:
            raise MountError("secret mount should not have a from")
        if mount.id and mount.source:
            raise MountError("both source and id can't be set")
        if not (mount.id or mount.source or mount.target):
            raise MountError(
                "invalid secret mount. one of source, target required", hint="write --mount=type=secret,id=NAME"
            )
        return _named_secret(mount)
    if mount.type == "ssh":
        if mount.from_:
            raise MountError("ssh mount should not have a from")
        return mount._replace(id=mount.id or mount.source or "default", source="")
    if mount.target.startswith("/") and _cleaned(mount.target) == "/":  # others lie below WORKDIR
        raise MountError('invalid mount target "/"', hint="add target=PATH, the directory to mount on")
    return mount


def _named_secret(mount: Mount) -> Mount:
    """A secret's id defaults to the last part of its target; its target to /run/secrets/ID, unless it goes to `env`."""
    name = mount.id or mount.source or mount.target.rstrip("/").rpartition("/")[2]
    target = mount.target or ("" if mount.env is not None else f"/run/secrets/{name.rpartition('/')[2]}")
    return mount._replace(id=name, source="", target=target)


def _cleaned(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def _truth(key: str, value: str) -> bool:
    if value.lower() in ("1", "t", "true"):
        return True
    if value.lower() in ("0", "f", "false"):
        return False
    raise MountError(f"invalid value for {key}: {value}")


def _number(given: dict[str, str], key: str, form: re.Pattern[str], base: int) -> int | None:
    if key not in given:
        return None
    if not form.fullmatch(given[key]):
        raise MountError(f"invalid value {given[key]} for {key}")
    return int(given[key], base)


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise MountError(f"invalid value for size: {text}", hint="a number of bytes, or with k, m or g")
    unit = 1024 ** " kmgtp".index(found[2].lower() or " ")
    return int(float(found[1]) * unit)
