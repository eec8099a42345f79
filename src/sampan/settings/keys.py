"""Every key of a settings file: which field it sets, what it may be, an example. Pure.

A reader makes the field's value of what TOML has, and raises Wrong with the reason.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sampan.settings.lines import Place
from sampan.settings.model import AddressPool, DefaultUlimit, Registry
from sampan.values import NamedTuple


class Wrong(Exception):
    """A value can't be what it is. `within` leads from the key's value to the part that is meant; `near` is a name that
    may have been meant."""

    def __init__(self, reason: str, within: Place = (), near: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.within = within
        self.near = near


class Key(NamedTuple):
    """`name` is dotted, as `system settings` shows it; `example` is a line of TOML."""

    name: str
    field: str
    read: Callable[[Any], object]
    example: str
    help: str


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise Wrong("true or false is wanted")


def _text(value: Any) -> str:
    if isinstance(value, str) and value and value.isprintable():
        return value
    raise Wrong("a text is wanted")


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
        return value
    raise Wrong("a whole number is wanted, 0 for none")


_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def _bytes(value: Any) -> int:
    """Bytes of a number, or of a text such as "1.5g"; units are binary."""
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([kmgt]?)(?:i?b)?", value, re.IGNORECASE)
        if match is not None:
            return int(float(match[1]) * (1 << _UNITS[match[2].lower()]))
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
        return value
    raise Wrong("a size is wanted, such as 512m or 2g")


def _memory(value: Any) -> int:
    size = _bytes(value)
    if 0 < size < 6 << 20:
        raise Wrong("a container needs 6m at least")
    return size


def _shm(value: Any) -> int:
    size = _bytes(value)
    if size == 0:
        raise Wrong("/dev/shm needs a size")
    return size


def _runtime(value: Any) -> str:
    if value in ("crun", "runc") or (isinstance(value, str) and value.startswith("/")):
        return str(value)
    raise Wrong('"crun", "runc" or the path of an OCI runtime is wanted')


def _list(value: Any, read: Callable[[Any], Any]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Wrong("a list is wanted")
    found = []
    for index, item in enumerate(value):
        try:
            found.append(read(item))
        except Wrong as wrong:
            raise Wrong(wrong.reason, (index, *wrong.within), wrong.near) from None
    return tuple(found)


def _address(value: Any) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(_text(value)))
    except ValueError:
        raise Wrong("an IP address is wanted") from None


_DRIVERS = ("json-file", "local", "none", "journald")


def _driver(value: Any) -> str:
    if value in _DRIVERS:
        return str(value)
    raise Wrong(f"one of {', '.join(_DRIVERS)} is wanted")


_LOG_OPTIONS = (
    "max-size",
    "max-file",
    "compress",
    "mode",
    "max-buffer-size",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "tag",
)


def _log_options(value: Any) -> Mapping[str, str]:
    found = {}
    for name, item in _table(value, _LOG_OPTIONS).items():
        try:
            found[name] = _log_option(name, item)
        except Wrong as wrong:
            raise Wrong(wrong.reason, (name,)) from None
    return found


def _log_option(name: str, value: Any) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int):
        value = str(value)
    text = _text(value)
    if name == "max-size" and text != "-1" and not _bytes(text):
        raise Wrong("a size is wanted, such as 10m")
    if name == "max-file" and not (text.isdecimal() and 0 < int(text) < 1000):
        raise Wrong("a number of files is wanted, such as 3")
    if name == "compress" and text not in ("true", "false"):
        raise Wrong("true or false is wanted")
    if name == "mode" and text not in ("blocking", "non-blocking"):
        raise Wrong("blocking or non-blocking is wanted")
    return text


# setrlimit(2)
_LIMITS = (
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
)  # fmt: skip


def _ulimits(value: Any) -> tuple[DefaultUlimit, ...]:
    found = []
    for name, item in _table(value, _LIMITS).items():
        match = re.fullmatch(r"(-1|[0-9]{1,18})(?::(-1|[0-9]{1,18}))?", str(item))
        if match is None or isinstance(item, bool):
            raise Wrong("a number is wanted, or soft:hard", (name,))
        soft, hard = int(match[1]), int(match[2] or match[1])
        if hard != -1 and (soft > hard or soft == -1):
            raise Wrong("the soft limit is above the hard one", (name,))
        found.append(DefaultUlimit(name, soft, hard))
    return tuple(found)


def _pool(value: Any) -> AddressPool:
    import ipaddress

    _table(value, ("base", "size"), needs=("base", "size"))
    try:
        base = ipaddress.IPv4Network(_text(value["base"]))
    except ValueError as problem:
        reason = "its host bits are set" if "host bits" in str(problem) else "an IPv4 network is wanted"
        raise Wrong(f"{reason}, such as 10.200.0.0/16", ("base",)) from None
    size = value["size"]
    if not isinstance(size, int) or isinstance(size, bool) or not base.prefixlen <= size <= 29:
        raise Wrong(f"a prefix length from {base.prefixlen} to 29 is wanted", ("size",))
    return AddressPool(str(base), size)


def _registry(value: Any) -> Registry:
    _table(value, ("name", "insecure", "mirrors"), needs=("name",))
    readers: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("name", _registry_name),
        ("insecure", _boolean),
        ("mirrors", lambda mirrors: _list(mirrors, _mirror)),
    )
    found = {}
    for name, read in readers:
        if name in value:
            try:
                found[name] = read(value[name])
            except Wrong as wrong:
                raise Wrong(wrong.reason, (name, *wrong.within)) from None
    return Registry(**found)


def _registry_name(value: Any) -> str:
    host, path = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?", r"(?:/[a-z0-9._/-]*[a-z0-9])?"
    if re.fullmatch(host + path, _text(value)) is None:
        raise Wrong("a host is wanted, such as registry.example.com:5000, without https://")
    return str(value)


def _mirror(value: Any) -> str:
    if re.fullmatch(r"https?://[^\s/@]+(?:/\S*)?", _text(value)) is None:
        raise Wrong("a URL is wanted, such as https://mirror.example.com")
    return str(value)


def _table(value: Any, known: tuple[str, ...], needs: tuple[str, ...] = ()) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Wrong("a table is wanted")
    for name in value:
        if name not in known:
            from sampan.spelling import nearest

            raise Wrong(f"there is no {name} here, but {', '.join(known)}", (name,), nearest(name, known))
    for name in needs:
        if name not in value:
            raise Wrong(f"{name} is missing")
    return value


KEYS: tuple[Key, ...] = (
    Key(
        "publish_local_only",
        "publish_local_only",
        _boolean,
        "publish_local_only = true",
        "ports that are published without an address are reached from this host only",
    ),
    Key("runtime", "runtime", _runtime, 'runtime = "crun"', "OCI runtime of containers that name none"),
    Key("init", "init", _boolean, "init = true", "as if --init were given"),
    Key("log.driver", "log_driver", _driver, 'driver = "local"', "log driver of containers that name none"),
    Key(
        "log.options",
        "log_options",
        _log_options,
        'options = { max-size = "10m", max-file = "3" }',
        "its options, each unless --log-opt gives it",
    ),
    Key(
        "dns.servers",
        "dns_servers",
        lambda value: _list(value, _address),
        'servers = ["192.0.2.53"]',
        "name servers instead of this host's",
    ),
    Key("dns.search", "dns_search", lambda value: _list(value, _text), 'search = ["example.com"]', "search domains"),
    Key(
        "dns.options",
        "dns_options",
        lambda value: _list(value, _text),
        'options = ["ndots:1"]',
        "options of the resolver",
    ),
    Key("limits.memory", "memory_bytes", _memory, 'memory = "2g"', "as --memory; `--memory 0` takes it off"),
    Key("limits.pids", "pids_limit", _whole, "pids = 2048", "as --pids-limit; `--pids-limit -1` takes it off"),
    Key("limits.shm_size", "shm_size_bytes", _shm, 'shm_size = "128m"', "as --shm-size"),
    Key(
        "limits.ulimits",
        "ulimits",
        _ulimits,
        'ulimits = { nofile = "1024:4096" }',
        "as --ulimit, each unless it is given",
    ),
    Key(
        "address_pools",
        "address_pools",
        lambda value: _list(value, _pool),
        'address_pools = [{ base = "10.200.0.0/16", size = 24 }]',
        "where networks get subnets from, and how large these are",
    ),
    Key(
        "registries",
        "registries",
        lambda value: _list(value, _registry),
        'registries = [{ name = "registry.example.com:5000", insecure = true }]',
        "registries without TLS, and mirrors",
    ),
)
