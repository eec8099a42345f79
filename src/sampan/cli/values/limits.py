"""--ulimit, --device, --restart, --sysctl, --attach."""

from sampan.cli.errors import OptionError
from sampan.cli.kinds import read_integer, read_size
from sampan.containers.options import Device, DeviceLimit, RestartPolicy, Ulimit
from sampan.errors import InvalidArgument

ULIMITS = frozenset(
    [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ]
)
_NAMESPACED_SYSCTLS = frozenset(
    [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ]
)


def read_ulimit(text: str) -> Ulimit:
    """NAME=SOFT[:HARD], -1 is unlimited. Raises ValueError."""
    name, equals, limits = text.partition("=")
    if not equals:
        raise ValueError(f"invalid ulimit argument: {text}")
    if name not in ULIMITS:
        raise ValueError(f"invalid ulimit type: {name}")
    parts = limits.split(":")
    if len(parts) > 2:
        raise ValueError(f"too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`")
    soft = read_integer(parts[0])
    hard = read_integer(parts[1]) if len(parts) == 2 else soft
    if hard != -1 and soft == -1:
        raise ValueError(
            f"ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: {hard}"
        )
    if hard != -1 and soft > hard:
        raise ValueError(f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")
    return Ulimit(name, soft, hard)


def read_device(text: str) -> Device:
    """HOST[:CONTAINER][:PERMISSIONS]. Raises OptionError."""
    parts = text.split(":")
    if not parts[0] or len(parts) > 3:
        raise OptionError(f"invalid device specification: {text}")
    host = parts[0]
    container, permissions = host, "rwm"
    if len(parts) == 3:
        container, permissions = parts[1] or host, parts[2]
    elif len(parts) == 2:
        if _is_permissions(parts[1]):
            permissions = parts[1]
        else:
            container = parts[1]
    if not _is_permissions(permissions):
        raise OptionError(f"bad mode specified: {permissions}")
    return Device(host, container or host, permissions)


def is_cdi_name(text: str) -> bool:
    """Whether a --device is a name of the Container Device Interface: vendor.com/class=name."""
    if text.startswith("/") or "=" not in text:
        return False
    kind, _, name = text.partition("=")
    vendor, slash, group = kind.partition("/")
    return bool(vendor and slash and group and name) and not set(text) - _CDI_CHARACTERS


_CDI_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/=")


_UNITS = "Unit is optional and can be kb, mb, or gb"


def read_byte_rate(text: str) -> DeviceLimit:
    """PATH:RATE of bytes a second, with a unit. Raises ValueError."""
    path, rate = _device_value(text)
    try:
        value = read_size(rate)
    except ValueError:
        value = 0
    return _limit(path, value, text, "<device-path>:<number>[<unit>]. Number must be a positive integer. " + _UNITS)


def read_rate(text: str) -> DeviceLimit:
    """PATH:RATE of operations a second. Raises ValueError."""
    path, rate = _device_value(text)
    return _limit(path, _plain_number(rate), text, "<device-path>:<number>. Number must be a positive integer")


def read_weight(text: str) -> DeviceLimit:
    """PATH:WEIGHT. Raises ValueError."""
    path, weight = _device_value(text)
    value = _plain_number(weight)
    if value and not 10 <= value <= 1000:
        raise ValueError(f"invalid weight for device: {text}")
    return DeviceLimit(path, value)


def _plain_number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _device_value(text: str) -> tuple[str, str]:
    path, colon, value = text.partition(":")
    if not colon or not path:
        raise ValueError(f"bad format: {text}")
    if not path.startswith("/dev/"):
        raise ValueError(f"bad format for device path: {text}")
    return path, value


def _limit(path: str, value: int, text: str, form: str) -> DeviceLimit:
    if value <= 0:
        raise ValueError(f"invalid rate for device: {text}. The correct format is {form}")
    return DeviceLimit(path, value)


def _is_permissions(text: str) -> bool:
    return bool(text) and set(text) <= set("rwm") and len(set(text)) == len(text)


def read_restart(text: str) -> RestartPolicy:
    """no, always, unless-stopped, on-failure[:N]. Raises OptionError, InvalidArgument."""
    if not text:
        return RestartPolicy()
    name, colon, count = text.partition(":")
    if not name:
        raise OptionError("invalid restart policy format: no policy provided before colon")
    retries = 0
    if colon:
        try:
            retries = read_integer(count)
        except ValueError:
            raise OptionError("invalid restart policy format: maximum retry count must be an integer") from None
    if name not in ("no", "always", "on-failure", "unless-stopped"):
        raise InvalidArgument(
            f"invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', "
            "or 'unless-stopped'"
        )
    if name != "on-failure" and colon:
        raise InvalidArgument("invalid restart policy: maximum retry count can only be used with 'on-failure'")
    if retries < 0:
        raise InvalidArgument("invalid restart policy: maximum retry count cannot be negative")
    return RestartPolicy(name, retries)


def read_device_rule(text: str) -> str:
    """A rule of the device cgroup, kept as text. Raises ValueError."""
    from sampan.containers import security
    from sampan.errors import InvalidArgument

    try:
        security.device_rules((text,))
    except InvalidArgument as error:
        raise ValueError(error.message) from None
    return text


def read_sysctl(text: str) -> tuple[str, str]:
    """KEY=VALUE of a key that belongs to a namespace of the container. Raises ValueError."""
    key, equals, value = text.partition("=")
    if not equals or not (key in _NAMESPACED_SYSCTLS or key.startswith(("net.", "fs.mqueue."))):
        raise ValueError(f"sysctl '{text}' is not allowed")
    return key, value


def read_stream(text: str) -> str:
    """A stream for --attach. Raises ValueError."""
    if text.lower() not in ("stdin", "stdout", "stderr"):
        raise ValueError("valid streams are STDIN, STDOUT and STDERR")
    return text.lower()
