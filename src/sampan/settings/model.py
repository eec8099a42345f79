"""The settings as values. Cheap to import: every start asks for them."""

from collections.abc import Mapping

from sampan.values import NamedTuple

DEFAULT_SHM_BYTES = 64 << 20


class AddressPool(NamedTuple):
    """Networks get subnets of `prefix_length` out of `base`, an IPv4 network such as "10.200.0.0/16"."""

    base: str
    prefix_length: int


class DefaultUlimit(NamedTuple):
    name: str
    soft: int
    hard: int


class Registry(NamedTuple):
    """`name` is host[:port][/path]; `insecure` lets it be without TLS; `mirrors` are asked before it, URLs."""

    name: str
    insecure: bool = False
    mirrors: tuple[str, ...] = ()


class Settings(NamedTuple):
    """Every setting, with what holds when no file says anything. 0, "" and () leave the matter open.

    `address_pools` () means Docker's own. `memory_bytes` and `pids_limit` are limits of one container, 0 is none.
    """

    publish_local_only: bool = False
    runtime: str = ""
    init: bool = False
    log_driver: str = "json-file"
    log_options: Mapping[str, str] = {}
    dns_servers: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    memory_bytes: int = 0
    pids_limit: int = 0
    shm_size_bytes: int = DEFAULT_SHM_BYTES
    ulimits: tuple[DefaultUlimit, ...] = ()
    address_pools: tuple[AddressPool, ...] = ()
    registries: tuple[Registry, ...] = ()


class Loaded(NamedTuple):
    """Settings, and for each field that a file (or a variable) set, where: "FILE:LINE"."""

    settings: Settings
    origins: Mapping[str, str]
    files: tuple[str, ...] = ()


NOTHING = Loaded(Settings(), {})
