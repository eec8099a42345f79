"""A container's network namespace to a network, and back."""

import json
import os

from sampan.errors import InvalidArgument, PermissionDenied, Unavailable
from sampan.linux import fault, links, netns
from sampan.linux.netlink import Netlink
from sampan.networks import bridge, firewall, happenings, hostnet, ipam, store
from sampan.networks.store import Endpoint, Network
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_ATTEMPTS = 8


def connect(
    database: Database,
    paths: Paths,
    network: Network,
    container_id: str,
    netns_fd: int,
    *,
    ip: str = "",
    mac: str = "",
    aliases: tuple[str, ...] = (),
) -> Endpoint:
    """Connect the network namespace to a bridge network and record the endpoint; it gets the next free eth0, eth1...

    Raises Conflict (address in use), InvalidArgument (address outside, malformed), PermissionDenied (already
    connected), Unavailable (no address free), OSError. What failed leaves no row.
    """
    if network.driver != "bridge":
        raise InvalidArgument("container cannot be disconnected from host network or connected to host network")
    network = bridge.ensure(database, paths, network)
    with database.transaction(durable=False):
        # Read again under the lock: since then it may have been removed, or moved to another subnet.
        network = store.find(database, paths, network.id)
        endpoint, position = _allocate(database, paths, network, container_id, ip, mac, aliases)
    fault.point("network.allocated")
    try:
        return _attach(database, network, endpoint, position, netns_fd)
    except BaseException:
        disconnect(database, paths, container_id, network)
        raise


def _allocate(
    database: Database,
    paths: Paths,
    network: Network,
    container_id: str,
    ip: str,
    mac: str,
    aliases: tuple[str, ...],
) -> tuple[Endpoint, int]:
    """The row of an endpoint with a free address, and how many endpoints the container had before."""
    subnet = ipam.parse_subnet(network.subnet)
    wanted = ipam.parse_address(ip) if ip else None
    if mac and (len(mac) != 17 or not all(len(p) == 2 and _is_hex(p) for p in mac.split(":"))):
        raise InvalidArgument(f"invalid MAC address {mac}")
    with database.transaction(durable=False):
        others = store.endpoints(database, container_id=container_id)
        if any(other.network_id == network.id for other in others):
            name = store.container_name(database, container_id)
            raise PermissionDenied(f"endpoint with name {name} already exists in network {network.name}")
        rows = database.rows("SELECT ip FROM endpoint WHERE network_id = ?", (network.id,))
        taken = {ipam.parse_address(str(row[0])) for row in rows} | {ipam.parse_address(network.gateway)}
        address = ipam.choose_address(subnet, taken, wanted)
        endpoint = Endpoint(
            id=os.urandom(32).hex(),
            container_id=container_id,
            network_id=network.id,
            network=network.name,
            ip=ipam.format_address(address),
            prefix_length=subnet.prefix_length,
            gateway="" if network.internal else network.gateway,
            mac=mac.lower() or ipam.mac_of(address),
            host_interface=f"v{paths.key}{container_id[:5]}{len(others) % 10}",
        )
        database.execute(
            "INSERT INTO endpoint(container_id, network_id, id, ip, mac, host_interface, aliases)"
            " VALUES(?, ?, ?, ?, ?, ?, ?)",
            (
                container_id,
                network.id,
                endpoint.id,
                endpoint.ip,
                endpoint.mac,
                endpoint.host_interface,
                json.dumps(aliases),
            ),
        )
        happenings.record(database, network.id, "connect", container_id)
    return endpoint, len(others)


def _is_hex(text: str) -> bool:
    return all(c in "0123456789abcdefABCDEF" for c in text)


def _attach(database: Database, network: Network, endpoint: Endpoint, position: int, netns_fd: int) -> Endpoint:
    """Make the pair of interfaces and set up the inner one."""
    peer = _free_name(netns_fd) if position else "eth0"
    hairpin = hostnet.is_bridge_filtered()
    index = links.index_of(network.bridge)
    if not index:
        raise Unavailable(f"network {network.name} was taken down meanwhile", hint="try again")
    with Netlink() as netlink:
        for attempt in range(_ATTEMPTS):
            try:
                links.create_veth(
                    netlink,
                    endpoint.host_interface,
                    peer=peer,
                    peer_mac=endpoint.mac,
                    namespace_fd=netns_fd,
                    bridge=index,
                    hairpin=hairpin,
                )
                break
            except FileExistsError:
                # The interface of the container's last run may be about to die with its namespace, or another
                # container's id begins alike; or the name inside is taken.
                if attempt + 1 == _ATTEMPTS:
                    raise
                endpoint = _renamed(database, endpoint)
                peer = _free_name(netns_fd)

    fault.point("network.attached")

    def set_up() -> None:
        hostnet.disable_ipv6(peer)
        with Netlink() as netlink:
            gateways = (endpoint.gateway,) if endpoint.gateway else ()
            links.configure(netlink, peer, (endpoint.ip, endpoint.prefix_length), gateways=gateways)

    netns.inside(netns_fd, set_up)
    return endpoint


def _renamed(database: Database, endpoint: Endpoint) -> Endpoint:
    name = endpoint.host_interface[:9] + os.urandom(3).hex()
    with database.transaction(durable=False):
        database.execute("UPDATE endpoint SET host_interface = ? WHERE id = ?", (name, endpoint.id))
    return endpoint._replace(host_interface=name)


def _free_name(netns_fd: int) -> str:
    def look() -> str:
        with Netlink() as netlink:
            names = {link.name for link in links.list_links(netlink)}
        return next(name for number in range(len(names) + 1) if (name := f"eth{number}") not in names)

    return netns.inside(netns_fd, look)


def disconnect(database: Database, paths: Paths, container_id: str, network: Network | None = None) -> None:
    """Free what a container holds of networks: addresses, ports, rules. Nothing happens when it holds nothing.

    Of an ended container (no `network` given) the interfaces are left to die with their namespace: deleting one takes
    30 ms. Of a running one the interface to `network` is deleted, and its ports stay as far as another network leads
    to it.
    """
    endpoints = [
        e for e in store.endpoints(database, container_id=container_id) if not network or e.network_id == network.id
    ]
    if not endpoints and (network or not store.ports(database, container_id)):
        return
    with database.transaction(durable=False):
        before = store.forwards(database, container_id)
        if network is None:
            database.execute("DELETE FROM endpoint WHERE container_id = ?", (container_id,))
            database.execute("DELETE FROM port WHERE container_id = ?", (container_id,))
        else:
            database.execute(
                "DELETE FROM endpoint WHERE container_id = ? AND network_id = ?", (container_id, network.id)
            )
        for endpoint in endpoints:
            happenings.record(database, endpoint.network_id, "disconnect", container_id)
        after = store.forwards(database, container_id)
        if before and before != after:
            firewall.remove(paths, before)
        if after and before != after:
            firewall.add(database, paths, after)
        fault.point("network.withdrawn")
    fault.point("network.disconnected")
    if network is not None:
        with Netlink() as netlink:
            for endpoint in endpoints:
                links.delete_link(netlink, endpoint.host_interface)
