"""Networks, endpoints and published ports as rows."""

import json
import os
import time
from collections.abc import Collection, Mapping

from sampan.errors import Conflict, InvalidArgument, NotFound, PermissionDenied
from sampan.linux import links
from sampan.networks import hostnet, ipam
from sampan.networks.ruleset import ALL_ADDRESSES, BridgeRules, Forward
from sampan.oci.hashing import sha256
from sampan.storage.database import Database, Row
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

BUILT_IN = ("bridge", "host", "none")
_BRIDGE_NAME = "com.docker.network.bridge.name"
_CHOSEN = "sampan.subnet"  # kept among the options of a row, not shown: the subnet was not asked for
_COLUMNS = "id, name, driver, bridge, subnet, gateway, internal, labels, options, created_at"


class Network(NamedTuple):
    """`bridge`, `subnet` and `gateway` are "" for host and none. `created_at` in ns since the epoch.

    `is_subnet_chosen`: sampan chose the subnet, and may choose another while no container is connected.
    """

    id: str
    name: str
    driver: str
    bridge: str
    subnet: str
    gateway: str
    internal: bool
    labels: Mapping[str, str]
    options: Mapping[str, str]
    created_at: int
    is_subnet_chosen: bool


class Endpoint(NamedTuple):
    """A container's place in a network. `gateway` is "" in an internal network."""

    id: str
    container_id: str
    network_id: str
    network: str
    ip: str
    prefix_length: int
    gateway: str
    mac: str
    host_interface: str


class PublishedPort(NamedTuple):
    """`host_ip` is 0.0.0.0 for all addresses."""

    container_port: int
    protocol: str
    host_ip: str
    host_port: int


def create(
    database: Database,
    paths: Paths,
    name: str,
    *,
    driver: str = "bridge",
    subnet: str = "",
    gateway: str = "",
    internal: bool = False,
    labels: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> Network:
    """Record a user-defined bridge network; its bridge is made when the first container connects.

    Raises InvalidArgument, NotFound (driver), Conflict (name, bridge name), PermissionDenied (built-in name, overlap).
    """
    if name in BUILT_IN or name == "default":
        raise PermissionDenied(f"operation is not permitted on predefined {name} network")
    if not name.strip():
        raise InvalidArgument("network name cannot be empty")
    if driver != "bridge":
        raise NotFound(f'plugin "{driver}" not found', hint="sampan knows the driver bridge")
    with database.transaction():
        if database.row("SELECT 1 FROM network WHERE name = ?", (name,)) is not None:
            raise Conflict(f"network with name {name} already exists")
        network_id = os.urandom(32).hex()
        bridge = (options or {}).get(_BRIDGE_NAME) or f"sp{paths.key}-{network_id[:4]}"
        _check_bridge_name(database, network_id, bridge)
        with hostnet.subnet_lock():
            chosen = _place(database, subnet)
            network = Network(
                network_id,
                name,
                driver,
                bridge,
                str(chosen),
                _gateway(chosen, gateway, bool(subnet)),
                internal,
                dict(labels or {}),
                dict(options or {}),
                time.time_ns(),
                not subnet,
            )
            _insert(database, network)
    return network


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
            hint=f"choose another {_BRIDGE_NAME}",
        )


def _place(database: Database, subnet: str) -> ipam.Subnet:
    taken = [ipam.parse_subnet(str(row[0])) for row in database.rows("SELECT subnet FROM network")]
    taken += hostnet.occupied()
    if not subnet:
        return ipam.choose_subnet(taken)
    wanted = ipam.parse_subnet(subnet)
    for other in taken:
        if other.prefix_length and wanted.overlaps(other):
            raise PermissionDenied(
                "invalid pool request: Pool overlaps with other one on this address space",
                hint=f"{subnet} overlaps {other}, which is in use",
            )
    return wanted


def _gateway(subnet: ipam.Subnet, gateway: str, was_subnet_asked: bool) -> str:
    if not gateway:
        return ipam.format_address(subnet.network + 1)
    address = ipam.parse_address(gateway)
    if not was_subnet_asked or not subnet.contains(address) or address in (subnet.network, subnet.last):
        raise InvalidArgument(f"no matching subnet for gateway {gateway}")
    return gateway


def _insert(database: Database, network: Network) -> None:
    options = dict(network.options)
    if network.is_subnet_chosen:
        options[_CHOSEN] = "chosen"
    values = (*network[:6], int(network.internal), json.dumps(network.labels), json.dumps(options), network.created_at)
    database.execute(f"INSERT INTO network({_COLUMNS}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def find(database: Database, paths: Paths, reference: str) -> Network:
    """The network of that name, id, or unambiguous beginning of an id; "default" is bridge.

    Raises NotFound, Conflict (ambiguous).
    """
    name = "bridge" if reference in ("default", "") else reference
    row = database.row(f"SELECT {_COLUMNS} FROM network WHERE name = ? OR id = ? ORDER BY name = ? DESC", (name,) * 3)
    if row is not None:
        return _network(row)
    if name == "bridge":
        return _default_bridge(database, paths)
    matches = [n for n in list_networks(database, paths) if name in (n.name, n.id)]
    if not matches and all(c in "0123456789abcdef" for c in name):
        matches = [n for n in list_networks(database, paths) if n.id.startswith(name)]
    if len(matches) > 1:
        raise Conflict(f"network {reference} is ambiguous ({len(matches)} matches found on ID prefix)")
    if not matches:
        raise NotFound(f"network {reference} not found", hint="`sampan network ls` shows what there is")
    return matches[0]


def list_networks(database: Database, paths: Paths) -> list[Network]:
    """All networks, the built-in ones among them, by name."""
    networks = [_network(row) for row in database.rows(f"SELECT {_COLUMNS} FROM network")]
    if not any(network.name == "bridge" for network in networks):
        networks.append(_default_bridge(database, paths))
    created_at = min(network.created_at for network in networks)
    for name, driver in (("host", "host"), ("none", "null")):
        networks.append(Network(_built_in_id(paths, name), name, driver, "", "", "", False, {}, {}, created_at, False))
    return sorted(networks, key=lambda network: network.name)


def _default_bridge(database: Database, paths: Paths) -> Network:
    """The network "bridge", recorded if it is not yet."""
    with database.transaction():
        row = database.row(f"SELECT {_COLUMNS} FROM network WHERE name = 'bridge'")
        if row is not None:
            return _network(row)
        options = {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
            _BRIDGE_NAME: paths.bridge,
            "com.docker.network.driver.mtu": "1500",
        }
        with hostnet.subnet_lock():
            subnet = _place(database, "")
            network = Network(
                _built_in_id(paths, "bridge"),
                "bridge",
                "bridge",
                paths.bridge,
                str(subnet),
                _gateway(subnet, "", False),
                False,
                {},
                options,
                time.time_ns(),
                True,
            )
            _insert(database, network)
    return network


def _built_in_id(paths: Paths, name: str) -> str:
    return sha256(f"{paths.key}/{name}".encode()).hexdigest()


def _network(row: Row) -> Network:
    options = json.loads(str(row[8]))
    chosen = options.pop(_CHOSEN, "")
    head = [str(value) for value in row[:6]]
    return Network(
        head[0], head[1], head[2], head[3], head[4], head[5], bool(row[6]), json.loads(str(row[7])), options,
        int(row[9] or 0), bool(chosen),
    )  # fmt: skip


def move(database: Database, network: Network) -> Network:
    """Give a network without endpoints another subnet than it has; the caller holds transaction and subnet lock."""
    subnet = _place(database, "")
    gateway = _gateway(subnet, "", False)
    database.execute("UPDATE network SET subnet = ?, gateway = ? WHERE id = ?", (str(subnet), gateway, network.id))
    return network._replace(subnet=str(subnet), gateway=gateway)


def delete(database: Database, network: Network) -> None:
    """Forget a network. Raises PermissionDenied for a built-in one and while containers are connected."""
    if network.name in BUILT_IN:
        raise PermissionDenied(f"{network.name} is a pre-defined network and cannot be removed")
    with database.transaction():
        users = [endpoint.container_id for endpoint in endpoints(database, network_id=network.id)]
        if users:
            names = ", ".join(container_name(database, user) for user in users)
            shown = ", ".join(f'name:"{container_name(database, user)}" id:"{user[:12]}"' for user in users)
            raise PermissionDenied(
                f"error while removing network: network {network.name} has active endpoints ({shown})",
                hint=f"stop what is connected to it first: {names}",
            )
        database.execute("DELETE FROM network WHERE id = ?", (network.id,))


def endpoints(database: Database, *, network_id: str = "", container_id: str = "") -> list[Endpoint]:
    """Endpoints of a network, of a container, or all, in the order of their addresses."""
    condition, values = "1", list[str]()
    if network_id:
        condition, values = condition + " AND e.network_id = ?", [*values, network_id]
    if container_id:
        condition, values = condition + " AND e.container_id = ?", [*values, container_id]
    rows = database.rows(
        "SELECT e.id, e.container_id, e.network_id, n.name, e.ip, n.subnet, n.gateway, n.internal, e.mac,"
        f" e.host_interface FROM endpoint e JOIN network n ON n.id = e.network_id WHERE {condition}",
        values,
    )
    found = [
        Endpoint(
            str(row[0]), str(row[1]), str(row[2]), str(row[3]), str(row[4]), int(str(row[5]).partition("/")[2]),
            "" if row[7] else str(row[6]), str(row[8]), str(row[9]),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda endpoint: ipam.parse_address(endpoint.ip))


def ports(database: Database, container_id: str) -> list[PublishedPort]:
    """What a container has published, by container port."""
    rows = database.rows(
        "SELECT container_port, protocol, host_ip, host_port FROM port WHERE container_id = ?"
        " ORDER BY container_port, protocol, host_port",
        (container_id,),
    )
    return [PublishedPort(int(row[0] or 0), str(row[1]), str(row[2]), int(row[3] or 0)) for row in rows]


def port_owner(database: Database, protocol: str, host_ip: str, host_port: int) -> str:
    """Id of the container that has a host port on that address or on all, "" when none has."""
    for row in database.rows(
        "SELECT container_id, host_ip FROM port WHERE protocol = ? AND host_port = ?", (protocol, host_port)
    ):
        if host_ip in ALL_ADDRESSES or str(row[1]) in (host_ip, *ALL_ADDRESSES):
            return str(row[0])
    return ""


def forwards(database: Database, container_id: str = "") -> list[Forward]:
    """Every published port with the address that it leads to; of one container or of all.

    A container of several networks is reached through the one whose name comes first, internal ones last.
    """
    rows = database.rows(
        "SELECT p.protocol, p.host_ip, p.host_port, p.container_port,"
        " (SELECT e.ip FROM endpoint e JOIN network n ON n.id = e.network_id WHERE e.container_id = p.container_id"
        "  ORDER BY n.internal, n.name LIMIT 1) FROM port p WHERE p.container_id = ? OR ? = ''",
        (container_id, container_id),
    )
    return [
        Forward(str(row[0]), str(row[1]), int(row[2] or 0), str(row[4]), int(row[3] or 0))
        for row in rows
        if row[4] is not None
    ]


def bridge_rules(database: Database) -> list[BridgeRules]:
    rows = database.rows("SELECT bridge, subnet, internal FROM network ORDER BY name")
    return [BridgeRules(str(row[0]), str(row[1]), bool(row[2])) for row in rows]


def container_name(database: Database, container_id: str) -> str:
    """What a message calls a container: its name, or its short id when there is no row of it yet."""
    row = database.row("SELECT name FROM container WHERE id = ?", (container_id,))
    return container_id[:12] if row is None else str(row[0])


def forget_others(database: Database, live_container_ids: Collection[str]) -> None:
    """Delete endpoints and ports of containers that are not live."""
    for table in ("endpoint", "port"):
        for row in database.rows(f"SELECT DISTINCT container_id FROM {table}"):
            if str(row[0]) not in live_container_ids:
                database.execute(f"DELETE FROM {table} WHERE container_id = ?", (row[0],))
