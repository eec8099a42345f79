"""An interface of a container: made in its network namespace, given addresses, taken away."""

import errno
import os

from sampan.errors import Conflict, Unavailable
from sampan.linux import fault, links, netns
from sampan.linux.netlink import Netlink
from sampan.networks import drivers, endpoints, hostnet
from sampan.networks.endpoints import Endpoint
from sampan.networks.store import Network
from sampan.storage.database import Database

_ATTEMPTS = 8
_LINK_LOCAL_BITS = {4: 16, 6: 64}


def attach(
    database: Database, network: Network, endpoint: Endpoint, namespace: int, *, link_local_ips: tuple[str, ...] = ()
) -> Endpoint:
    """Make the endpoint's interface in a network namespace, given as a descriptor.

    It is called as its options say, or the next free one of eth0, eth1... Returns the endpoint as its row then is.
    Raises OSError, Unavailable, Conflict (the name is taken), InvalidArgument (a sysctl that it has not).
    """
    if network.is_bridge:
        endpoint, name = _plug(database, network, endpoint, namespace)
    else:
        name = _share(network, endpoint, namespace)
    fault.point("network.attached")
    settings = drivers.interface_settings(endpoint.driver_options, name)

    def set_up() -> None:
        if not endpoint.ip6:
            hostnet.disable_ipv6(name)
        elif network.is_bridge:
            hostnet.refuse_advertisements(name)
        for path, value in settings:
            hostnet.set_parameter(path, value)
        with Netlink() as netlink:
            extra = [(address, _LINK_LOCAL_BITS[6 if ":" in address else 4]) for address in link_local_ips]
            gateways = [endpoint.gateway] if endpoint.gateway else []
            links.configure(netlink, name, (endpoint.ip, endpoint.prefix_length), *extra, gateways=gateways)
            if endpoint.ip6:
                _configure6(netlink, name, endpoint)

    netns.inside(namespace, set_up)
    return endpoint


def _configure6(netlink: Netlink, name: str, endpoint: Endpoint) -> None:
    gateways = [endpoint.gateway6] if endpoint.gateway6 else []
    try:
        links.configure(netlink, name, (endpoint.ip6, endpoint.prefix_length6), gateways=gateways)
    except PermissionError:  # the container was given --sysctl net.ipv6.conf.all.disable_ipv6=1
        return


def _plug(database: Database, network: Network, endpoint: Endpoint, namespace: int) -> tuple[Endpoint, str]:
    """Make a pair of interfaces whose outer end is a port of the network's bridge; also the name of the inner one."""
    asked = drivers.interface_name(endpoint.driver_options)
    name = asked or "eth0"
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
                    peer=name,
                    peer_mac=endpoint.mac,
                    namespace_fd=namespace,
                    bridge=index,
                    hairpin=hairpin,
                    isolated=not drivers.is_on(network.options, drivers.ICC),
                    mtu=drivers.mtu(network.options),
                )
                break
            except FileExistsError:
                # The interface of the container's last run may be about to die with its namespace, or another
                # container's id begins alike; or the name inside is taken.
                if attempt + 1 == _ATTEMPTS:
                    raise
                if asked and not links.index_of(endpoint.host_interface):
                    raise Conflict(f'the container has an interface "{asked}" already') from None
                name = asked or _free_name(namespace)
                if links.index_of(endpoint.host_interface):
                    endpoint = endpoints.rename(database, endpoint, endpoint.host_interface[:9] + os.urandom(3).hex())
    return endpoint, name


def _share(network: Network, endpoint: Endpoint, namespace: int) -> str:
    """Make an interface that shares the parent, an interface of the host; its name."""
    parent = network.options.get(drivers.PARENT, "")
    index = links.index_of(parent)
    if not index:
        raise Unavailable(
            f"network {network.name}: there is no interface {parent} on this host", hint="ip link shows those there are"
        )
    name = drivers.interface_name(endpoint.driver_options) or _free_name(namespace)
    with Netlink() as netlink:
        links.create_on_parent(
            netlink,
            name,
            kind=network.driver,
            mode=drivers.mode(network.driver, network.options),
            parent=index,
            mac=endpoint.mac,
            namespace_fd=namespace,
            mtu=drivers.mtu(network.options),
        )
    return name


def _free_name(namespace: int) -> str:
    def look() -> str:
        with Netlink() as netlink:
            names = {link.name for link in links.list_links(netlink)}
        return next(name for number in range(len(names) + 1) if (name := f"eth{number}") not in names)

    return netns.inside(namespace, look)


def detach(endpoint: Endpoint, namespace: int) -> None:
    """Take the endpoint's interface away; nothing happens when it is gone."""
    if endpoint.host_interface:
        with Netlink() as netlink:
            links.delete_link(netlink, endpoint.host_interface)
        return

    def delete() -> None:
        with Netlink() as netlink:
            for address in links.list_addresses(netlink):
                if address.destination == endpoint.ip:
                    links.delete_index(netlink, address.link)

    netns.inside(namespace, delete)


def lead_out(found: list[Endpoint], namespace: int) -> None:
    """Make the default routes of a namespace those of its endpoints."""

    def lead() -> None:
        with Netlink() as netlink:
            for gateway in endpoints.gateways(found):
                try:
                    links.lead_out(netlink, gateway)
                except OSError as error:
                    # A program of the container has switched the interface off or taken IPv6 away: its own choice.
                    if error.errno not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES):
                        raise

    netns.inside(namespace, lead)
