"""A container's network namespace to a network, and back."""

import os
from collections.abc import Sequence

from sampan.errors import InvalidArgument, PermissionDenied
from sampan.linux import fault, links
from sampan.linux.netlink import Netlink
from sampan.networks import attachment, bridge, endpoints, firewall, happenings, ipam, published, store
from sampan.networks.endpoints import NO_OPTIONS, Endpoint, EndpointOptions
from sampan.networks.ruleset import Forward
from sampan.networks.store import Network
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def connect(
    database: Database,
    paths: Paths,
    network: Network,
    container_id: str,
    namespace: int,
    asked: EndpointOptions = NO_OPTIONS,
    *,
    moves_ports: bool = False,
) -> Endpoint:
    """Connect a network namespace, given as a descriptor, and record the endpoint; it gets the next free eth0, eth1...

    With `moves_ports` the container runs, and what it has published may lead through this network from then on. Raises
    Conflict (address in use), InvalidArgument (address outside, malformed), PermissionDenied (already connected),
    Unavailable (no address free), OSError. What failed leaves no row.
    """
    if not network.takes_containers:
        raise InvalidArgument("container cannot be disconnected from host network or connected to host network")
    if network.is_bridge:
        network = bridge.ensure(database, paths, network)
    with database.transaction(durable=False):
        # Read again under the lock: since then it may have been removed, or moved to another subnet.
        network = store.find(database, paths, network.id)
        others = endpoints.read(database, container_id=container_id)
        before = published.forwards(database, container_id) if moves_ports else []
        endpoint = _allocate(database, paths, network, container_id, asked, others)
        if moves_ports:
            _follow(database, paths, before, published.forwards(database, container_id))
    fault.point("network.allocated")
    try:
        endpoint = attachment.attach(database, network, endpoint, namespace, link_local_ips=asked.link_local_ips)
        if others:
            attachment.lead_out([*others, endpoint], namespace)
    except BaseException:
        for gone in withdraw(database, paths, container_id, network):
            attachment.detach(gone, namespace)
        raise
    return endpoint


def _allocate(
    database: Database,
    paths: Paths,
    network: Network,
    container_id: str,
    asked: EndpointOptions,
    others: Sequence[Endpoint],
) -> Endpoint:
    """Insert an endpoint with a free address, in the caller's transaction."""
    mac = asked.mac_address.replace("-", ":").lower()
    if mac and (len(mac) != 17 or not all(len(p) == 2 and _is_hex(p) for p in mac.split(":"))):
        raise InvalidArgument(f"invalid MAC address {asked.mac_address}")
    if any(other.network_id == network.id for other in others):
        name = endpoints.container_name(database, container_id)
        raise PermissionDenied(f"endpoint with name {name} already exists in network {network.name}")
    address = _free(database, network, "ip", asked.ip)
    address6 = _free(database, network, "ip6", asked.ip6) if network.subnet6 else None
    subnet = ipam.parse_subnet(network.subnet)
    endpoint = Endpoint(
        id=os.urandom(32).hex(),
        container_id=container_id,
        network_id=network.id,
        network=network.name,
        ip=ipam.format_address(address),
        prefix_length=subnet.prefix_length,
        gateway="" if network.internal else network.gateway,
        mac=mac or ipam.mac_of(address),
        host_interface=outer_name(paths, container_id, others) if network.is_bridge else "",
        aliases=asked.aliases,
        links=asked.links,
        ip6="" if address6 is None else ipam.format_address(address6, 128),
        prefix_length6=0 if address6 is None else ipam.parse_subnet(network.subnet6).prefix_length,
        gateway6="" if address6 is None or network.internal else network.gateway6,
        gateway_priority=asked.gateway_priority,
        driver_options=asked.driver_options,
    )
    endpoints.insert(database, endpoint)
    happenings.record(database, network.id, "connect", container_id)
    return endpoint


def outer_name(paths: Paths, container_id: str, others: Sequence[Endpoint]) -> str:
    """A name for the outer end of a container's next interface that none of `others`, which it has already, bears.

    Two of one name and the repair of one would delete the other. A name has at most 15 bytes (IFNAMSIZ).
    """
    used = {other.host_interface for other in others}
    prefix = f"v{paths.key}{container_id[:5]}"
    free = [prefix + digit for digit in _DIGITS if prefix + digit not in used]
    return free[0] if free else prefix[:9] + os.urandom(3).hex()


def _free(database: Database, network: Network, column: str, wanted: str) -> int:
    """A free address of the network as a number. `column`: ip or ip6. Raises Conflict, InvalidArgument, Unavailable."""
    is_ipv6 = column == "ip6"
    subnet = ipam.parse_subnet(network.subnet6 if is_ipv6 else network.subnet)
    ip_range = network.ip_range6 if is_ipv6 else network.ip_range
    rows = database.rows(f"SELECT {column} FROM endpoint WHERE network_id = ? AND {column} != ''", (network.id,))
    texts = [str(row[0]) for row in rows] + [network.gateway6 if is_ipv6 else network.gateway]
    texts += [text for text in network.aux_addresses.values() if (":" in text) == is_ipv6]
    return ipam.choose_address(
        subnet,
        {ipam.parse_any(text)[0] for text in texts},
        (ipam.parse_address6 if is_ipv6 else ipam.parse_address)(wanted) if wanted else None,
        ipam.parse_range(ip_range, "ip-range") if ip_range else None,
    )


def _is_hex(text: str) -> bool:
    return all(c in "0123456789abcdef" for c in text)


def _follow(database: Database, paths: Paths, before: list[Forward], after: list[Forward]) -> None:
    """Let published ports lead where the rows say, inside the transaction that has changed those."""
    if before == after:
        return
    if before:
        firewall.remove(paths, before)
    if after:
        firewall.add(database, paths, after)


def withdraw(database: Database, paths: Paths, container_id: str, network: Network | None = None) -> list[Endpoint]:
    """Forget a container's endpoint in a network, or all it holds of networks, and let its ports follow.

    Joins the caller's transaction. Returns the endpoints, whose interfaces are still there. The ports of a container
    that stays stay with it, as far as another network leads to it.
    """
    found = [
        e for e in endpoints.read(database, container_id=container_id) if not network or e.network_id == network.id
    ]
    if not found and (network or not published.ports(database, container_id)):
        return []
    with database.transaction(durable=False):
        before = published.forwards(database, container_id)
        if network is None:
            database.execute("DELETE FROM endpoint WHERE container_id = ?", (container_id,))
            database.execute("DELETE FROM port WHERE container_id = ?", (container_id,))
        else:
            database.execute(
                "DELETE FROM endpoint WHERE container_id = ? AND network_id = ?", (container_id, network.id)
            )
        for endpoint in found:
            happenings.record(database, endpoint.network_id, "disconnect", container_id)
        _follow(database, paths, before, published.forwards(database, container_id))
        fault.point("network.withdrawn")
    return found


def disconnect(database: Database, paths: Paths, container_id: str, network: Network | None = None) -> None:
    """Free what a container holds of networks: addresses, ports, rules. Nothing happens when it holds nothing.

    Of an ended container (no `network` given) the interfaces are left to die with their namespace: deleting one takes
    30 ms. Of a running one the interface to `network` is deleted.
    """
    found = withdraw(database, paths, container_id, network)
    if not found:
        return
    fault.point("network.disconnected")
    if network is not None:
        with Netlink() as netlink:
            for endpoint in found:
                if endpoint.host_interface:
                    links.delete_link(netlink, endpoint.host_interface)
