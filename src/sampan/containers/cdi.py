"""The Container Device Interface: specifications of vendors say what a device needs (github.com/cncf-tags/
container-device-interface, SPEC.md, up to version 0.8). Reading and choosing are pure; `injection` asks the host."""

import json
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from sampan.containers.injection import Injection
from sampan.containers.options import RunOptions
from sampan.errors import InvalidArgument, NotFound, StartFailed, Unsupported
from sampan.runtime.spec import SpecDevice, SpecMount
from sampan.values import NamedTuple

FOLDERS = ("/etc/cdi", "/var/run/cdi")
VARIABLE = "SAMPAN_CDI_SPEC_DIRS"  # folders, separated by colons, in place of these
_SIZE_LIMIT = 1 << 20
_FILE_LIMIT = 256
_ENTRY_LIMIT = 4096
_HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
_GPU = "nvidia.com/gpu"

Json = dict[str, Any]


class GpuWish(NamedTuple):
    """--gpus. `number` -1 means all, 0 that `devices` names them."""

    number: int = 0
    devices: tuple[str, ...] = ()
    driver: str = ""
    capabilities: tuple[str, ...] = ()


def read_gpus(text: str) -> GpuWish:
    """all, a number, or CSV of device=, count=, driver=, capabilities=; a value with commas stands in quotes.

    Raises ValueError in Docker's words.
    """
    if text == "all":
        return GpuWish(number=-1)
    if text.isdecimal() and len(text) < 6:
        return GpuWish(number=int(text))
    wish, seen = GpuWish(number=1), set[str]()
    for field in _csv(text):
        key, equals, value = field.partition("=")
        if not equals:
            wish = wish._replace(number=_count(field))
            key = "count"
        if key in seen:
            raise ValueError(f"gpu request key '{key}' can be specified only once")
        seen.add(key)
        if not equals:
            continue
        if key == "device":
            wish = wish._replace(devices=tuple(value.split(",")), number=0)
        elif key == "count":
            wish = wish._replace(number=_count(value))
        elif key == "driver":
            wish = wish._replace(driver=value)
        elif key == "capabilities":
            wish = wish._replace(capabilities=tuple(value.split(",")))
        elif key != "options":
            raise ValueError(f"unexpected key '{key}' in '{field}'")
    if wish.devices and "count" in seen and wish.number:
        raise ValueError("cannot set both Count and DeviceIDs on device request")
    return wish


def _csv(text: str) -> list[str]:
    """The fields of one line of CSV; Docker's users write '"device=0,1"'."""
    import csv

    return next(iter(csv.reader([text])), [])


def _count(text: str) -> int:
    if text == "all":
        return -1
    if not text.isdecimal() or len(text) > 5:
        raise ValueError(f'invalid count ({text}): value must be either "all" or an integer')
    return int(text)


def gpu_names(wish: GpuWish) -> tuple[str, ...]:
    """The CDI names that a --gpus stands for."""
    if wish.number < 0:
        return (f"{_GPU}=all",)
    return tuple(f"{_GPU}={name}" for name in wish.devices or map(str, range(wish.number)))


def injection(options: RunOptions) -> Injection:
    """Everything that the CDI devices of the options need. Raises NotFound, InvalidArgument, Unsupported."""
    found = load(folders())
    names = list(options.cdi_devices)
    if options.gpus:
        wanted = gpu_names(read_gpus(options.gpus))
        if not any(name in found for name in wanted):
            raise Unsupported(
                'could not select device driver "" with capabilities: [[gpu]]',
                hint="nvidia-ctk cdi generate --format json --output /etc/cdi/nvidia.json",
            )
        names += wanted
    return choose(found, names, device_node)


def folders() -> tuple[str, ...]:
    """Where specifications lie; those of a later folder win."""
    text = os.environ.get(VARIABLE, "")
    return tuple(folder for folder in text.split(":") if folder) or FOLDERS


def load(places: Iterable[str]) -> dict[str, list[Json]]:
    """The container edits of each device: those of its specification first, then its own. Raises InvalidArgument."""
    found: dict[str, list[Json]] = {}
    for folder in places:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue  # most hosts have none
        for name in names[:_FILE_LIMIT]:
            path = f"{folder}/{name}"
            if name.endswith((".yaml", ".yml")) and not os.path.exists(path.rpartition(".")[0] + ".json"):
                raise Unsupported(
                    f"{path}: CDI specifications are read as JSON",
                    hint="nvidia-ctk cdi generate --format json --output /etc/cdi/nvidia.json, and remove the other",
                )
            if name.endswith(".json"):
                found.update(read_specification(path, _text(path)))
    return found


def _text(path: str) -> str:
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        data = file.read(_SIZE_LIMIT + 1)
    if len(data) > _SIZE_LIMIT:
        raise InvalidArgument(f"CDI specification {path} is larger than 1 MiB")
    return data.decode(errors="replace")


def read_specification(path: str, text: str) -> dict[str, list[Json]]:
    """The devices of one file by their whole names. Raises InvalidArgument, which names the file."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"CDI specification {path}: {error}") from error
    kind = document.get("kind") if isinstance(document, dict) else None
    devices = document.get("devices") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind.count("/") != 1 or not isinstance(devices, list):
        raise InvalidArgument(f"CDI specification {path} needs kind (vendor.com/class) and devices")
    if len(devices) > _ENTRY_LIMIT:
        raise InvalidArgument(f"CDI specification {path} has more than {_ENTRY_LIMIT} devices")
    common = _edits(path, document.get("containerEdits") or {})
    found: dict[str, list[Json]] = {}
    for device in devices:
        name = device.get("name") if isinstance(device, dict) else None
        if not isinstance(name, str) or not name:
            raise InvalidArgument(f"CDI specification {path}: a device has no name")
        found[f"{kind}={name}"] = [common, _edits(path, device.get("containerEdits") or {})]
    return found


_LISTS = {"env": str, "deviceNodes": dict, "mounts": dict, "hooks": dict, "additionalGids": int}


def _edits(path: str, document: Any) -> Json:
    if not isinstance(document, dict):
        raise InvalidArgument(f"CDI specification {path}: containerEdits is no object")
    for name, value in document.items():
        if name == "intelRdt" or name == "netDevices":
            raise Unsupported(f"CDI specification {path}: {name} cannot be applied")
        if name not in _LISTS:
            raise InvalidArgument(f"CDI specification {path}: unknown field {name} of containerEdits")
        if not isinstance(value, list) or len(value) > _ENTRY_LIMIT:
            raise InvalidArgument(f"CDI specification {path}: {name} must be a list")
        if not all(isinstance(item, _LISTS[name]) for item in value):
            raise InvalidArgument(f"CDI specification {path}: {name} has an entry of another type")
    return document


def choose(found: Mapping[str, list[Json]], names: Iterable[str], node: Any) -> Injection:
    """The edits of the devices `names`, each edit once. `node` makes a SpecDevice of a deviceNodes entry."""
    wanted = list(dict.fromkeys(names))
    missing = [name for name in wanted if name not in found]
    if missing:
        raise NotFound(
            f"CDI device injection failed: unresolvable CDI devices {', '.join(missing)}",
            hint=f"specifications are looked for in {', '.join(folders())}",
        )
    env: list[str] = []
    devices: list[SpecDevice] = []
    mounts: list[SpecMount] = []
    hooks: dict[str, list[Json]] = {}
    groups: list[int] = []
    seen: list[Json] = []
    for edits in (edits for name in wanted for edits in found[name]):
        if edits in seen:
            continue
        seen.append(edits)
        env += edits.get("env", ())
        devices += [node(entry) for entry in edits.get("deviceNodes", ())]
        mounts += [_mount(entry) for entry in edits.get("mounts", ())]
        groups += [gid for gid in edits.get("additionalGids", ()) if gid > 0]
        for entry in edits.get("hooks", ()):
            kind, hook = _hook(entry)
            hooks.setdefault(kind, []).append(hook)
    return Injection(
        tuple(env), tuple(devices), tuple(mounts), {kind: tuple(some) for kind, some in hooks.items()}, tuple(groups)
    )


def _path(entry: Json, key: str) -> str:
    path = entry.get(key)
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise InvalidArgument(f"CDI: {key} must be an absolute path: {path}")
    return path


def _mount(entry: Json) -> SpecMount:
    options = entry.get("options") or ()
    if not all(isinstance(option, str) for option in options):
        raise InvalidArgument("CDI: options of a mount must be texts")
    kind = entry.get("type") or "bind"
    chosen = tuple(options)
    if kind == "bind" and not {"bind", "rbind"} & set(chosen):
        chosen = ("rbind", *chosen)
    return SpecMount(_path(entry, "containerPath"), str(kind), _path(entry, "hostPath"), chosen)


def _hook(entry: Json) -> tuple[str, Json]:
    kind = entry.get("hookName")
    if kind not in _HOOKS:
        raise InvalidArgument(f"CDI: unknown hook {kind}", hint="hooks are " + ", ".join(_HOOKS))
    hook: Json = {"path": _path(entry, "path")}
    for name in ("args", "env", "timeout"):
        if entry.get(name):
            hook[name] = entry[name]
    return str(kind), hook


def device_node(entry: Json) -> SpecDevice:
    """A node as the specification has it; the rest is as on the host. Raises StartFailed, InvalidArgument."""
    path = _path(entry, "path")
    host = _path(entry, "hostPath") if entry.get("hostPath") else path
    kind, major, minor = entry.get("type", ""), entry.get("major", 0), entry.get("minor", 0)
    mode, uid, gid = entry.get("fileMode"), entry.get("uid"), entry.get("gid")
    if not kind or (not major and not minor):
        try:
            status = os.stat(host)
        except OSError as error:
            raise StartFailed(
                f'CDI device injection failed: failed to stat CDI host device "{host}":'
                f" {(error.strerror or '').lower()}",
                exit_code=125,
            ) from error
        if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
            raise InvalidArgument(f'CDI device injection failed: "{host}" is not a device node')
        kind = kind or ("c" if stat.S_ISCHR(status.st_mode) else "b")
        major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
        mode = status.st_mode & 0o777 if mode is None else mode
        uid = status.st_uid if uid is None else uid
        gid = status.st_gid if gid is None else gid
    permissions = entry.get("permissions") or "rwm"
    return SpecDevice(path, kind, major, minor, 0o666 if mode is None else mode, uid or 0, gid or 0, permissions)
