"""Endpoints as rows: a running container's places in networks."""

import json
from collections.abc import Iterable, Mapping, Sequence

from sampan.networks import ipam
from sampan.storage.database import Database, Row
from sampan.values import NamedTuple


class EndpointOptions(NamedTuple):
    """What can be asked of a place in a network. "" and () leave the choice to sampan.

    `links` are "container:alias". The endpoint with the highest `gateway_priority` is the way to everywhere.
    """

    aliases: tuple[str, ...] = ()
    ip: str = ""
    ip6: str = ""
    mac_address: str = ""
    links: tuple[str, ...] = ()
    link_local_ips: tuple[str, ...] = ()
    driver_options: Mapping[str, str] = {}
    gateway_priority: int = 0


NO_OPTIONS = EndpointOptions()


class Endpoint(NamedTuple):
    """A container's place in a network. `gateway` is "" in an internal network, `host_interface` without a bridge.

    `aliases` are all names in the network but the container's own; `ip6` and `gateway6` are "" without IPv6.
    """

    id: str
    container_id: str
    network_id: str
    network: str
    ip: str
    prefix_length: int
    gateway: str
    mac: str
    host_interface: str
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    ip6: str = ""
    prefix_length6: int = 0
    gateway6: str = ""
    gateway_priority: int = 0
    driver_options: Mapping[str, str] = {}


def read(database: Database, *, network_id: str = "", container_id: str = "") -> list[Endpoint]:
    """Endpoints of a network, of a container, or all, in the order of their addresses."""
    condition, values = "1", list[str]()
    if network_id:
        condition, values = condition + " AND e.network_id = ?", [*values, network_id]
    if container_id:
        condition, values = condition + " AND e.container_id = ?", [*values, container_id]
    rows = database.rows(
        "SELECT e.id, e.container_id, e.network_id, n.name, e.ip, n.subnet, n.gateway, n.internal, e.mac,"
        " e.host_interface, e.aliases, e.links, e.ip6, n.subnet6, n.gateway6, e.gateway_priority, e.driver_options"
        f" FROM endpoint e JOIN network n ON n.id = e.network_id WHERE {condition}",
        values,
    )
    return sorted((_endpoint(row) for row in rows), key=lambda endpoint: ipam.parse_address(endpoint.ip))


def _endpoint(row: Row) -> Endpoint:
    text = [str(value) for value in row]
    is_internal = bool(row[7])
    return Endpoint(
        id=text[0],
        container_id=text[1],
        network_id=text[2],
        network=text[3],
        ip=text[4],
        prefix_length=int(text[5].partition("/")[2]),
        gateway="" if is_internal else text[6],
        mac=text[8],
        host_interface=text[9],
        aliases=tuple(json.loads(text[10])),
        links=tuple(json.loads(text[11])),
        ip6=text[12],
        prefix_length6=int(text[13].partition("/")[2] or 0) if text[12] else 0,
        gateway6=text[14] if text[12] and not is_internal else "",
        gateway_priority=int(row[15] or 0),
        driver_options=json.loads(text[16]),
    )


def insert(database: Database, endpoint: Endpoint) -> None:
    """Add a row, in the caller's transaction. Raises sqlite3.IntegrityError."""
    database.execute(
        "INSERT INTO endpoint(container_id, network_id, id, ip, mac, host_interface, aliases, links, ip6,"
        " gateway_priority, driver_options) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            endpoint.container_id,
            endpoint.network_id,
            endpoint.id,
            endpoint.ip,
            endpoint.mac,
            endpoint.host_interface,
            json.dumps(endpoint.aliases),
            json.dumps(endpoint.links),
            endpoint.ip6,
            endpoint.gateway_priority,
            json.dumps(dict(endpoint.driver_options)),
        ),
    )


def rename(database: Database, endpoint: Endpoint, host_interface: str) -> Endpoint:
    """The endpoint with another interface on the host."""
    with database.transaction(durable=False):
        database.execute("UPDATE endpoint SET host_interface = ? WHERE id = ?", (host_interface, endpoint.id))
    return endpoint._replace(host_interface=host_interface)


def way_out(found: Sequence[Endpoint]) -> Endpoint | None:
    """The endpoint that leads to everywhere: the one of the highest priority, the first by its network's name of equal
    ones; None when all are internal."""
    return _first(endpoint for endpoint in found if endpoint.gateway)


def gateways(found: Sequence[Endpoint]) -> list[str]:
    """The ways to everywhere, at most one of each family."""
    best, best6 = way_out(found), _first(endpoint for endpoint in found if endpoint.gateway6)
    return [*([best.gateway] if best else []), *([best6.gateway6] if best6 else [])]


def _first(leading: Iterable[Endpoint]) -> Endpoint | None:
    return min(leading, key=lambda endpoint: (-endpoint.gateway_priority, endpoint.network), default=None)


def container_name(database: Database, container_id: str) -> str:
    """What a message calls a container: its name, or its short id when there is no row of it yet."""
    row = database.row("SELECT name FROM container WHERE id = ?", (container_id,))
    return container_id[:12] if row is None else str(row[0])
