"""Bring what is in the kernel and in the rows back together; take it away."""

from collections.abc import Collection

from sampan.linux import links
from sampan.linux.netlink import Netlink
from sampan.networks import bridge, endpoints, firewall, hostnet, published, store
from sampan.networks.store import Network
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def reconcile(database: Database, paths: Paths, live_container_ids: Collection[str]) -> None:
    """Free what containers that are not live hold, and restore bridges, rules and ports of those that are.

    A container that is being started counts as live. An interface that is gone is not made again: only the container's
    next start can.
    """
    with database.transaction():
        before = published.forwards(database)
        store.forget_others(database, live_container_ids)
        live = set(published.forwards(database))
        lost = [forward for forward in before if forward not in live]
        if lost:
            firewall.remove(paths, lost)
        found = endpoints.read(database)
        for network in store.list_networks(database, paths) if found else ():
            if not network.is_bridge or all(endpoint.network_id != network.id for endpoint in found):
                continue
            bridge.ensure(database, paths, network)
            _reattach(database, network)
        if not firewall.is_true_to(database, paths):
            firewall.rewrite(database, paths)


def damages(database: Database, paths: Paths) -> list[str]:
    """What somebody has taken away that connected containers need: bridges, ports of bridges, rules."""
    with database.transaction():
        found = list[str]()
        networks = _connected(database)
        for network in networks:
            if not hostnet.is_localnet_routed(network.bridge):
                found.append(f"interface {network.bridge}")
            elif _astray(database, network):
                found.append(f"ports of interface {network.bridge}")
            if not firewall.lets_through(network):
                found.append(f"accept of the host's rules for {network.bridge}")
        if networks and not firewall.is_whole(database, paths):
            found.append(f"nft table {paths.firewall_table}")
    return found


def restore(database: Database, paths: Paths) -> list[str]:
    """Bring back what `damages` finds, which it returns."""
    with database.transaction():
        found = damages(database, paths)
        if found:
            for network in _connected(database):
                bridge.ensure(database, paths, network)
                _reattach(database, network)
            firewall.rewrite(database, paths)
    return found


def _connected(database: Database) -> list[Network]:
    """The bridge networks that containers are in, by name."""
    used = {endpoint.network_id for endpoint in endpoints.read(database)}
    return sorted((n for n in store.rows(database) if n.is_bridge and n.id in used), key=lambda network: network.name)


def _astray(database: Database, network: Network) -> list[str]:
    """The interfaces of containers that are not ports of their network's bridge."""
    names = {endpoint.host_interface for endpoint in endpoints.read(database, network_id=network.id)}
    index = links.index_of(network.bridge)
    with Netlink() as netlink:
        return [link.name for link in links.list_links(netlink) if link.name in names and link.master != index]


def _reattach(database: Database, network: Network) -> None:
    index = links.index_of(network.bridge)
    with Netlink() as netlink:
        for name in _astray(database, network):
            links.set_master(netlink, name, index)


def shutdown(database: Database, paths: Paths) -> None:
    """Take bridges, table and accepts of this root out of the kernel. Rows stay: the next use brings them back."""
    with database.transaction():
        rows = database.rows("SELECT name FROM network WHERE driver = 'bridge'")
        firewall.delete(paths)
        for row in rows:
            bridge.take_down(store.find(database, paths, str(row[0])))
