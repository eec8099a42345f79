"""A network's bridge in the kernel, made on first use and brought back when it is gone."""

from sampan.errors import Conflict
from sampan.linux import fault, links
from sampan.linux.netlink import Netlink
from sampan.networks import drivers, endpoints, firewall, happenings, hostnet, ipam, store
from sampan.networks.store import Network
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LINK_LOCAL = ("fe80::1", 64)


def ensure(database: Database, paths: Paths, network: Network) -> Network:
    """Make what a container's connection needs: bridge, forwarding, rules. Returns the network as it then is.

    A network whose subnet the host uses elsewhere by then gets another one, if nobody asked for its subnet and no
    container is connected; otherwise Conflict is raised.
    """
    if not hostnet.is_localnet_routed(network.bridge):
        network = _make(database, paths, network)
    if not network.internal:
        hostnet.enable_forwarding()
        if network.subnet6:
            hostnet.enable_forwarding6()
    firewall.ensure(database, paths, network)
    return network


def _make(database: Database, paths: Paths, network: Network) -> Network:
    with database.transaction(), hostnet.subnet_lock():
        network = store.find(database, paths, network.id)
        if hostnet.is_localnet_routed(network.bridge):
            return network
        if links.index_of(network.bridge):
            take_down(network)  # its maker was killed
        network = _settled(database, network)
        mac = ipam.mac_of(ipam.parse_address(network.gateway))  # when it is made anew, containers find it at once
        addresses = [(network.gateway, ipam.parse_subnet(network.subnet).prefix_length)]
        with Netlink() as netlink:
            links.create_bridge(netlink, network.bridge, mac, addresses, drivers.mtu(network.options))
            hostnet.refuse_advertisements(network.bridge)
            if network.subnet6:
                hostnet.enable_ipv6(network.bridge)
                prefix_length = ipam.parse_subnet(network.subnet6).prefix_length
                links.configure(netlink, network.bridge, (network.gateway6, prefix_length), _LINK_LOCAL)
            else:
                hostnet.disable_ipv6(network.bridge)
        try:
            fault.point("network.bridged")
            firewall.rewrite(database, paths)
            firewall.ensure_legacy([network.bridge])
            hostnet.route_localnet(network.bridge)  # at last: it tells that the bridge is complete
        except BaseException:
            take_down(network)
            raise
    return network


def _settled(database: Database, network: Network) -> Network:
    """The network with a subnet that the host does not use elsewhere. Raises Conflict."""
    subnet = ipam.parse_subnet(network.subnet)
    clashes = [other for other in hostnet.occupied() if other.prefix_length and other.overlaps(subnet)]
    if not clashes:
        return network
    if network.is_subnet_chosen and not endpoints.read(database, network_id=network.id):
        return store.move(database, network)
    raise Conflict(
        "Pool overlaps with other one on this address space",
        hint=f"network {network.name} has {subnet}, but the host uses {clashes[0]}: remove the network and"
        " create it with another --subnet",
    )


def take_down(network: Network) -> None:
    """Delete the bridge and the accepts for it; nothing happens when they are not there, or it has none."""
    if not network.bridge:
        return
    with Netlink() as netlink:
        links.delete_link(netlink, network.bridge)
    firewall.withdraw([network.bridge])


def remove(database: Database, paths: Paths, network: Network) -> None:
    """Remove a user-defined network, row, bridge and rules. Raises PermissionDenied when built in or in use."""
    with database.transaction():
        happenings.record(database, network.id, "destroy")
        store.delete(database, network)
        fault.point("network.deleted")
        if network.bridge:
            firewall.rewrite(database, paths)
            take_down(network)
