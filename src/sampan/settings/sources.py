"""Where settings come from: files and a variable, read when somebody wants to know.

/etc/sampan/config.toml, and over it, key by key, the user's ($XDG_CONFIG_HOME or ~/.config)/sampan/config.toml.
$SAMPAN_CONFIG names one file instead of both. $SAMPAN_PUBLISH_LOCAL_ONLY=1 stands above all files.

Without a file this costs two failed looks. With one, the values are kept as JSON beside the sockets, so that only the
first command after a change pays for TOML.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from sampan.errors import InvalidArgument, NotFound, PermissionDenied
from sampan.settings.model import NOTHING, AddressPool, DefaultUlimit, Loaded, Registry, Settings

SYSTEM = "/etc/sampan/config.toml"
VARIABLE = "SAMPAN_CONFIG"
LOCAL_ONLY = "SAMPAN_PUBLISH_LOCAL_ONLY"
_MOST_BYTES = 1 << 20
_OTHERS_WRITE = 0o022  # group or all

Stamp = tuple[str, int, int, int]
"""A file as it is: path, inode, size, time of its last change in ns."""


def load(cache: str = "") -> Loaded:
    """The settings in force. `cache` is a file that may hold them from the last time; it is written when it does not.

    Raises InvalidArgument with file, line, key and value of the first mistake, NotFound when $SAMPAN_CONFIG names no
    file, PermissionDenied for one that another user may have written: it names a program that is run.
    """
    stamps = [stamp for path in _paths() if (stamp := _stamp(path)) is not None]
    if not stamps:
        return _with_variable(NOTHING)
    return _with_variable(_cached(cache, stamps) or _read(cache, stamps))


def _paths() -> tuple[str, ...]:
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return (chosen,) if chosen else ()
    home = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("HOME", "") + "/.config"
    return (SYSTEM, f"{home}/sampan/config.toml") if home.startswith("/") else (SYSTEM,)


def _stamp(path: str) -> Stamp | None:
    try:
        return _checked(path, os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        if os.environ.get(VARIABLE):
            raise NotFound(
                f"the settings file {path} does not exist", hint=f"${VARIABLE} names it: unset it, or make the file"
            ) from None
        return None


def _checked(path: str, status: os.stat_result) -> Stamp:
    """The stamp of a file. Raises PermissionDenied."""
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & _OTHERS_WRITE:
        raise PermissionDenied(
            f"the settings file {path} can be written by others", hint=f"chown root {path}; chmod go-w {path}"
        )
    return path, status.st_ino, status.st_size, status.st_mtime_ns


def _read(cache: str, stamps: list[Stamp]) -> Loaded:
    from sampan.settings import reading

    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    read = list[Stamp]()
    for path, *_ in stamps:
        with open(path, "rb") as file:
            # Of the file that is read: it may be another one than that which was looked at.
            read.append(_checked(path, os.fstat(file.fileno())))
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InvalidArgument(f"{path}: a settings file has at most {_MOST_BYTES} bytes")
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise InvalidArgument(f"{path}:{line}: it is not UTF-8 text") from None
        found, places = reading.read(text, path)
        values.update(found)
        origins.update(places)
    loaded = Loaded(Settings()._replace(**values), origins, tuple(path for path, *_ in stamps))
    if cache:
        _keep(cache, read, loaded)
    return loaded


def _keep(cache: str, stamps: list[Stamp], loaded: Loaded) -> None:
    """Best effort: without it the next command reads the files again."""
    text = json.dumps({"stamps": stamps, "settings": loaded.settings, "origins": dict(loaded.origins)})
    draft = f"{cache}.{os.getpid()}"
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
        os.rename(draft, cache)
    except OSError:
        return


def _cached(cache: str, stamps: list[Stamp]) -> Loaded | None:
    """What was kept, None when it is of other files."""
    try:
        with open(cache, "rb") as file:
            document = json.loads(file.read())
        if document["stamps"] != [list(stamp) for stamp in stamps]:
            return None
        return Loaded(_settings(document["settings"]), document["origins"], tuple(path for path, *_ in stamps))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # there is none, or it is of another version or half written


def _settings(values: list[Any]) -> Settings:
    """Settings of what JSON made of them. Raises TypeError for those of a version with other fields."""
    settings = Settings(*values)
    if len(values) != len(Settings._fields):
        raise TypeError("other fields")
    return settings._replace(
        dns_servers=tuple(settings.dns_servers),
        dns_search=tuple(settings.dns_search),
        dns_options=tuple(settings.dns_options),
        ulimits=tuple(DefaultUlimit(*item) for item in settings.ulimits),
        address_pools=tuple(AddressPool(*item) for item in settings.address_pools),
        registries=tuple(Registry(name, insecure, tuple(m)) for name, insecure, m in settings.registries),
    )


def _with_variable(loaded: Loaded) -> Loaded:
    text = os.environ.get(LOCAL_ONLY, "")
    if not text:
        return loaded
    if text not in ("0", "1", "true", "false"):
        raise InvalidArgument(f"${LOCAL_ONLY} is {text!r}", hint="1 or 0")
    origins: Mapping[str, str] = {**loaded.origins, "publish_local_only": f"${LOCAL_ONLY}"}
    settings = loaded.settings._replace(publish_local_only=text in ("1", "true"))
    return loaded._replace(settings=settings, origins=origins)
