"""`network create`: what was asked for becomes a row."""

import os
import time
from collections.abc import Mapping, Sequence

from sampan.errors import Conflict, InvalidArgument, PermissionDenied, Unsupported
from sampan.linux import fault, links
from sampan.networks import drivers, happenings, hostnet, ipam, pools, store
from sampan.networks.pools import Pool
from sampan.networks.store import BUILT_IN, Network
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple


class NetworkOptions(NamedTuple):
    """Options of `network create`: at most one subnet, gateway and range of IPv4 and, with `ipv6`, of IPv6."""

    driver: str = "bridge"
    subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    ip_ranges: tuple[str, ...] = ()
    aux_addresses: Mapping[str, str] = {}
    internal: bool = False
    attachable: bool = False
    ipv6: bool = False
    labels: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    ipam_options: Mapping[str, str] = {}


NO_OPTIONS = NetworkOptions()


def create(database: Database, paths: Paths, name: str, asked: NetworkOptions = NO_OPTIONS) -> Network:
    """Record a user-defined network; its bridge is made when the first container connects.

    Raises InvalidArgument, NotFound (driver), Conflict (name, bridge name), PermissionDenied (built-in name, overlap),
    Unsupported.
    """
    if name in BUILT_IN or name == "default":
        raise PermissionDenied(f"operation is not permitted on predefined {name} network")
    if not name.strip():
        raise InvalidArgument("network name cannot be empty")
    drivers.check(asked.driver, asked.options)
    found = pools.pair(asked.subnets, asked.gateways, asked.ip_ranges, asked.aux_addresses)
    for pool in found:
        pools.check(pool)
    if not asked.ipv6 and any(pool.is_ipv6 for pool in found):
        raise InvalidArgument(
            f"the subnet {next(pool.subnet for pool in found if pool.is_ipv6)} needs a network with IPv6", hint="--ipv6"
        )
    wanted, wanted6 = (_only(asked.driver, [p for p in found if p.is_ipv6 == is_ipv6]) for is_ipv6 in (False, True))
    with database.transaction():
        if database.row("SELECT 1 FROM network WHERE name = ?", (name,)) is not None:
            raise Conflict(f"network with name {name} already exists")
        network_id = _fresh_id(database, paths)
        bridge = _interface(database, paths, network_id, asked)
        with hostnet.subnet_lock():
            subnet, gateway = _addresses(database, paths, wanted, has_bridge=bool(bridge))
            subnet6, gateway6 = "", ""
            if asked.ipv6:
                subnet6, gateway6 = _addresses(database, paths, wanted6, is_ipv6=True, has_bridge=bool(bridge))
            network = Network(
                network_id, name, asked.driver, bridge, subnet, gateway, asked.internal, dict(asked.labels),
                dict(asked.options), time.time_ns(), not wanted.subnet, subnet6, gateway6, wanted.ip_range,
                wanted6.ip_range, dict(asked.aux_addresses), dict(asked.ipam_options), asked.attachable,
            )  # fmt: skip
            store.insert(database, network)
            happenings.record(database, network.id, "create")
            fault.point("network.inserted")
    return network


def _only(driver: str, found: Sequence[Pool]) -> Pool:
    """The one pool of a family, or an empty one."""
    if len(found) > 1:
        raise InvalidArgument(
            f"{driver} driver doesn't support multiple subnets",
            hint="one --subnet for IPv4 and, with --ipv6, one for IPv6; or several networks",
        )
    return found[0] if found else Pool("")


def _addresses(
    database: Database, paths: Paths, pool: Pool, *, has_bridge: bool, is_ipv6: bool = False
) -> tuple[str, str]:
    """Subnet and gateway of one family.

    A network without a bridge has the subnet of a wire of the host's, so it may overlap.
    """
    if not has_bridge and pool.subnet:
        subnet = ipam.parse_subnet(pool.subnet)
    elif is_ipv6:
        subnet = store.place6(database, paths, pool.subnet)
    else:
        subnet = store.place(database, pool.subnet)
    if pool.gateway and ipam.parse_any(pool.gateway)[0] in (subnet.network, subnet.last):
        raise PermissionDenied(
            f"failed to allocate gateway ({pool.gateway}): Address already in use",
            hint=f"the first and the last address of {subnet} are nobody's",
        )
    gateway = pool.gateway or ipam.format_address(ipam.choose_address(subnet, set()), subnet.bits)
    for key, address in pool.aux_addresses.items():
        if ipam.parse_any(address) == ipam.parse_any(gateway):
            raise PermissionDenied(
                f"failed to allocate secondary ip address ({key}:{address}): Address already in use",
                hint=f"{gateway} is the gateway: choose another --gateway or --aux-address",
            )
    return str(subnet), gateway


def _fresh_id(database: Database, paths: Paths) -> str:
    """An id whose beginning, which is part of the bridge's name, no other network has."""
    while True:
        network_id = os.urandom(32).hex()
        if database.row("SELECT 1 FROM network WHERE bridge = ?", (_bridge_of(paths, network_id),)) is None:
            return network_id


def _bridge_of(paths: Paths, network_id: str) -> str:
    return f"sp{paths.key}-{network_id[:4]}"


def _interface(database: Database, paths: Paths, network_id: str, asked: NetworkOptions) -> str:
    """Name of the network's bridge, "" without one. Raises InvalidArgument, Conflict."""
    if asked.driver == "bridge":
        bridge = asked.options.get(drivers.BRIDGE_NAME) or _bridge_of(paths, network_id)
        _check_bridge_name(database, network_id, bridge)
        return bridge
    parent = asked.options.get(drivers.PARENT, "")
    if not parent:
        raise Unsupported(
            f"a {asked.driver} network without a parent is not supported by this version of sampan",
            hint=f"-d {asked.driver} -o parent=eth0 --subnet 192.168.1.0/24; or a bridge network with --internal",
        )
    _check_parent(database, asked.driver, parent)
    return ""


def _check_parent(database: Database, driver: str, parent: str) -> None:
    if parent == "lo":
        raise InvalidArgument(f"loopback interface is not a valid {driver} parent link")
    if not links.index_of(parent):
        raise InvalidArgument(
            f"invalid subinterface vlan name {parent}, example formatting is eth0.10",
            hint=f"-o parent={parent}: there is no interface of that name; ip link shows those of this host",
        )
    for other in store.rows(database):
        if other.driver in drivers.SHARING and other.driver != driver and other.options.get(drivers.PARENT) == parent:
            raise Conflict(
                f"the {other.driver} network {other.name} is already using parent interface {parent}",
                hint="an interface is shared in one way at a time",
            )


def _check_bridge_name(database: Database, network_id: str, bridge: str) -> None:
    """An interface that exists is somebody else's: it would be deleted with the network."""
    is_clean = bridge.isascii() and all(c.isalnum() or c in "-_." for c in bridge) and bridge not in (".", "..")
    if not is_clean or len(bridge) > 15:
        raise InvalidArgument(f"invalid bridge name: {bridge}", hint="at most 15 letters, digits and -_.")
    row = database.row("SELECT id FROM network WHERE bridge = ?", (bridge,))
    if row is not None:
        raise Conflict(
            f"cannot create network {network_id} ({bridge}): conflicts with network {row[0]!s} ({bridge}):"
            " networks have same bridge name"
        )
    if links.index_of(bridge):
        raise Conflict(
            f"cannot create network {network_id} ({bridge}): conflicts with an interface of that name",
            hint=f"choose another {drivers.BRIDGE_NAME}",
        )
