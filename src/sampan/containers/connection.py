"""A container's place in its network: interface, address, published ports."""

from sampan.containers.model import Container
from sampan.networks import connect as networking
from sampan.networks import ports, store
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

disconnect = networking.disconnect


class Connection(NamedTuple):
    """`reservations` are sockets that keep others off the published ports; they are the caller's to close."""

    endpoint: store.Endpoint
    gateway: str
    reservations: tuple[int, ...]


def connect(database: Database, paths: Paths, container: Container, namespace: int) -> Connection:
    """Connect a network namespace to the container's network and publish its ports. Raises NotFound, Conflict,
    OSError."""
    options = container.spec.options
    network = store.find(database, paths, options.network)
    endpoint = networking.connect(
        database, paths, network, container.id, namespace, ip=options.ip, mac=options.mac_address
    )
    bindings = _bindings(container)
    if not bindings:
        return Connection(endpoint, network.gateway, ())
    published = ports.publish(database, paths, container.id, endpoint, bindings)
    return Connection(endpoint, network.gateway, tuple(published.reservations))


def _bindings(container: Container) -> list[ports.PortBinding]:
    """What -p asked for and, with -P, every exposed port that it did not."""
    options = container.spec.options
    bindings = [
        ports.PortBinding(port.container_port, port.protocol, port.host_ip, port.host_port) for port in options.ports
    ]
    if options.publish_all:
        bound = {(port.container_port, port.protocol) for port in options.ports}
        for text in container.spec.config.exposed_ports:
            number, _, protocol = text.partition("/")
            if (int(number), protocol or "tcp") not in bound:
                bindings.append(ports.PortBinding(int(number), protocol or "tcp"))
    return bindings
