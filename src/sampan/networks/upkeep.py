"""Bring what is in the kernel and in the rows back together; take it away."""

from collections.abc import Collection

from sampan.linux import links
from sampan.linux.netlink import Netlink
from sampan.networks import bridge, endpoints, firewall, published, store
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


def _reattach(database: Database, network: Network) -> None:
    names = {endpoint.host_interface for endpoint in endpoints.read(database, network_id=network.id)}
    with Netlink() as netlink:
        index = links.index_of(network.bridge)
        for link in links.list_links(netlink):
            if link.name in names and link.master != index:
                links.set_master(netlink, link.name, index)


def shutdown(database: Database, paths: Paths) -> None:
    """Take bridges, table and accepts of this root out of the kernel. Rows stay: the next use brings them back."""
    with database.transaction():
        rows = database.rows("SELECT name FROM network WHERE driver = 'bridge'")
        firewall.delete(paths)
        for row in rows:
            bridge.take_down(store.find(database, paths, str(row[0])))
