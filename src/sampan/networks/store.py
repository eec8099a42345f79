"""Networks as rows."""

import json
import time
from collections.abc import Collection, Iterator, Mapping

from sampan.errors import Conflict, NotFound, PermissionDenied
from sampan.networks import drivers, endpoints, hostnet, ipam
from sampan.networks.ruleset import BridgeRules
from sampan.oci.hashing import sha256
from sampan.storage.database import Database, Row
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

BUILT_IN = ("bridge", "host", "none")
_CHOSEN = "sampan.subnet"  # kept among the options of a row, not shown: the subnet was not asked for
_COLUMNS = (
    "id, name, driver, bridge, subnet, gateway, internal, labels, options, created_at, subnet6, gateway6, ip_range,"
    " ip_range6, aux_addresses, ipam_options, attachable"
)


class Network(NamedTuple):
    """`bridge`, `subnet` and `gateway` are "" for host and none. `created_at` in ns since the epoch.

    `is_subnet_chosen`: sampan chose the subnet, and may choose another while no container is connected. `subnet6` is ""
    without IPv6. `ip_range` is what addresses are chosen from, "" for all of the subnet; `aux_addresses` are nobody's.
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
    subnet6: str = ""
    gateway6: str = ""
    ip_range: str = ""
    ip_range6: str = ""
    aux_addresses: Mapping[str, str] = {}
    ipam_options: Mapping[str, str] = {}
    attachable: bool = False

    @property
    def is_bridge(self) -> bool:
        return self.driver == "bridge"

    @property
    def takes_containers(self) -> bool:
        """Whether a container has an endpoint in it: not in host and none."""
        return self.driver in ("bridge", "macvlan", "ipvlan")


def place(database: Database, subnet: str) -> ipam.Subnet:
    """`subnet`, or a free one when it is "". The caller holds the subnet lock. Raises PermissionDenied, Unavailable."""
    taken = [
        ipam.parse_subnet(str(row[0])) for row in database.rows("SELECT subnet FROM network WHERE driver = 'bridge'")
    ]
    taken += hostnet.occupied()
    return _placed(subnet, taken) if subnet else ipam.choose_subnet(taken, _pools())


def _pools() -> Iterator[ipam.Subnet]:
    from sampan.settings import sources

    return ipam.pools_of(sources.load().settings.address_pools)


def place6(database: Database, paths: Paths, subnet: str) -> ipam.Subnet:
    """As `place`, of IPv6."""
    used = database.rows("SELECT subnet6 FROM network WHERE subnet6 != '' AND driver = 'bridge'")
    taken = [ipam.parse_subnet(str(row[0])) for row in used] + hostnet.occupied6()
    if subnet:
        return _placed(subnet, taken)
    return ipam.choose_subnet6(bytes.fromhex(sha256(paths.key.encode()).hexdigest()[:10]), taken)


def _placed(subnet: str, taken: Collection[ipam.Subnet]) -> ipam.Subnet:
    wanted = ipam.parse_subnet(subnet)
    for other in taken:
        if other.prefix_length and wanted.overlaps(other):
            raise PermissionDenied(
                "invalid pool request: Pool overlaps with other one on this address space",
                hint=f"{subnet} overlaps {other}, which is in use",
            )
    return wanted


def insert(database: Database, network: Network) -> None:
    """Add a row, in the caller's transaction."""
    options = dict(network.options)
    if network.is_subnet_chosen:
        options[_CHOSEN] = "chosen"
    values = (
        *network[:6], int(network.internal), _json(network.labels), _json(options), network.created_at,
        network.subnet6, network.gateway6, network.ip_range, network.ip_range6, _json(network.aux_addresses),
        _json(network.ipam_options), int(network.attachable),
    )  # fmt: skip
    database.execute(f"INSERT INTO network({_COLUMNS}) VALUES({', '.join('?' * len(values))})", values)


def _json(value: Mapping[str, str]) -> str:
    return json.dumps(dict(value))


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


def rows(database: Database) -> list[Network]:
    """The networks that are recorded: not host and none, and not bridge before its first use."""
    return [_network(row) for row in database.rows(f"SELECT {_COLUMNS} FROM network")]


def list_networks(database: Database, paths: Paths) -> list[Network]:
    """All networks, the built-in ones among them, by name."""
    networks = rows(database)
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
            drivers.ICC: "true",
            drivers.MASQUERADE: "true",
            drivers.HOST_ADDRESS: "0.0.0.0",
            drivers.BRIDGE_NAME: paths.bridge,
            drivers.MTU: "1500",
        }
        with hostnet.subnet_lock():
            subnet = place(database, "")
            network = Network(
                _built_in_id(paths, "bridge"), "bridge", "bridge", paths.bridge, str(subnet), _first(subnet), False,
                {}, options, time.time_ns(), True,
            )  # fmt: skip
            insert(database, network)
    return network


def _first(subnet: ipam.Subnet) -> str:
    return ipam.format_address(subnet.network + 1, subnet.bits)


def _built_in_id(paths: Paths, name: str) -> str:
    return sha256(f"{paths.key}/{name}".encode()).hexdigest()


def _network(row: Row) -> Network:
    options = json.loads(str(row[8]))
    chosen = options.pop(_CHOSEN, "")
    text = [str(value) for value in row]
    return Network(
        text[0], text[1], text[2], text[3], text[4], text[5], bool(row[6]), json.loads(text[7]), options,
        int(row[9] or 0), bool(chosen), text[10], text[11], text[12], text[13], json.loads(text[14]),
        json.loads(text[15]), bool(row[16]),
    )  # fmt: skip


def move(database: Database, network: Network) -> Network:
    """Give a network without endpoints another subnet than it has; the caller holds transaction and subnet lock."""
    subnet = place(database, "")
    gateway = _first(subnet)
    database.execute("UPDATE network SET subnet = ?, gateway = ? WHERE id = ?", (str(subnet), gateway, network.id))
    return network._replace(subnet=str(subnet), gateway=gateway)


def delete(database: Database, network: Network) -> None:
    """Forget a network. Raises PermissionDenied for a built-in one and while containers are connected."""
    if network.name in BUILT_IN:
        raise PermissionDenied(f"{network.name} is a pre-defined network and cannot be removed")
    with database.transaction():
        users = [endpoint.container_id for endpoint in endpoints.read(database, network_id=network.id)]
        if users:
            names = ", ".join(endpoints.container_name(database, user) for user in users)
            shown = ", ".join(f'name:"{endpoints.container_name(database, user)}" id:"{user[:12]}"' for user in users)
            raise PermissionDenied(
                f"error while removing network: network {network.name} has active endpoints ({shown})",
                hint=f"stop what is connected to it first: {names}",
            )
        database.execute("DELETE FROM network WHERE id = ?", (network.id,))


def bridge_rules(database: Database) -> list[BridgeRules]:
    """What the nft table needs of each bridge network, by name."""
    return [
        BridgeRules(
            network.bridge,
            network.subnet,
            network.internal,
            network.subnet6,
            is_open=drivers.is_on(network.options, drivers.ICC),
            is_masked=drivers.is_on(network.options, drivers.MASQUERADE),
        )
        for network in sorted(rows(database), key=lambda network: network.name)
        if network.is_bridge
    ]


def forget_others(database: Database, live_container_ids: Collection[str]) -> None:
    """Delete endpoints and ports of containers that are not live."""
    for table in ("endpoint", "port"):
        for row in database.rows(f"SELECT DISTINCT container_id FROM {table}"):
            if str(row[0]) not in live_container_ids:
                database.execute(f"DELETE FROM {table} WHERE container_id = ?", (row[0],))
