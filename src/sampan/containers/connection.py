"""A container's place in its network: interface, address, published ports."""

from sampan.containers.model import Container
from sampan.containers.options import RunOptions
from sampan.errors import InvalidArgument, NotFound, SampanError
from sampan.networks import connect as networking
from sampan.networks import ipam, ports, store
from sampan.networks.endpoints import Endpoint, EndpointOptions
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

disconnect = networking.disconnect


class Connection(NamedTuple):
    """`reservations` are sockets that keep others off the published ports; they are the caller's to close."""

    endpoint: Endpoint
    gateway: str
    reservations: tuple[int, ...]


def connect(database: Database, paths: Paths, container: Container, namespace: int) -> Connection:
    """Connect a network namespace to the container's network and publish its ports. Raises NotFound, Conflict,
    OSError."""
    try:
        return _connect(database, paths, container, namespace)
    except SampanError as error:
        raise type(error)(f"failed to set up container networking: {error.message}", hint=error.hint) from error


def _connect(database: Database, paths: Paths, container: Container, namespace: int) -> Connection:
    options = container.spec.options
    network = store.find(database, paths, options.network)
    endpoint = networking.connect(
        database,
        paths,
        network,
        container.id,
        namespace,
        EndpointOptions(options.network_aliases, options.ip, "", options.mac_address),
    )
    bindings = _bindings(container)
    if not bindings:
        return Connection(endpoint, network.gateway, ())
    published = ports.publish(database, paths, container.id, endpoint, bindings)
    return Connection(endpoint, network.gateway, tuple(published.reservations))


def check_address(database: Database, paths: Paths, options: RunOptions) -> None:
    """Whether --ip can be given in the network that was chosen. Raises InvalidArgument in Docker's words; a network
    that does not exist is found out when the container starts."""
    mode = options.network
    try:
        network = None if mode.startswith("container:") else store.find(database, paths, mode)
    except NotFound:
        return
    problems = []
    if network is None or network.name in store.BUILT_IN:
        problems = [
            "user specified IP address is supported on user defined networks only",
            "user specified IP address is supported only when connecting to networks with user configured subnets",
        ]
    elif network.is_subnet_chosen:
        problems = [
            "user specified IP address is supported only when connecting to networks with user configured subnets"
        ]
    else:
        problems = _address_problems(options.ip, network.subnet)
    if problems:
        shown = problems if len(problems) == 1 else [f"* {problem}" for problem in problems]
        raise InvalidArgument(f"invalid config for network {mode}: invalid endpoint settings:\n" + "\n".join(shown))


def _address_problems(text: str, subnet: str) -> list[str]:
    outside = f"no configured subnet or ip-range contain the IP address {text}"
    try:
        address = ipam.parse_address(text)
    except InvalidArgument as error:
        return [error.message, outside]
    return [] if ipam.parse_subnet(subnet).contains(address) else [outside]


def _bindings(container: Container) -> list[ports.PortBinding]:
    """What -p asked for and, with -P, every exposed port that it did not."""
    options = container.spec.options
    address = options.publish_address
    bindings = [
        ports.PortBinding(
            port.container_port, port.protocol, port.host_ip or address, port.host_port, port.host_port_end
        )
        for port in options.ports
    ]
    if options.publish_all:
        bound = {(port.container_port, port.protocol) for port in options.ports}
        for text in container.spec.config.exposed_ports:
            number, _, protocol = text.partition("/")
            if (int(number), protocol or "tcp") not in bound:
                bindings.append(ports.PortBinding(int(number), protocol or "tcp", address))
    return bindings
