"""A container's places in its networks: interfaces, addresses, published ports."""

from typing import TYPE_CHECKING

from sampan.containers.model import Container
from sampan.containers.options import NetworkChoice, RunOptions
from sampan.errors import InvalidArgument, NotFound, SampanError
from sampan.networks import connect as networking
from sampan.networks import drivers, endpoints, ipam, store
from sampan.networks.endpoints import Endpoint, EndpointOptions
from sampan.networks.store import Network
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

if TYPE_CHECKING:
    from sampan.networks.ports import PortBinding

disconnect = networking.disconnect
_NO_SUBNET = "user specified IP address is supported only when connecting to networks with user configured subnets"


class Connection(NamedTuple):
    """`gateway` is the host's address in the network that leads out, or in the first one.

    `reservations` are sockets that keep others off the published ports; they are the caller's to close.
    """

    endpoints: tuple[Endpoint, ...]
    gateway: str
    reservations: tuple[int, ...]

    @property
    def addresses(self) -> list[str]:
        return own_addresses(self.endpoints)


def own_addresses(found: tuple[Endpoint, ...] | list[Endpoint]) -> list[str]:
    """All addresses of endpoints, as they stand in /etc/hosts."""
    return [address for endpoint in found for address in (endpoint.ip, endpoint.ip6) if address]


def connect(database: Database, paths: Paths, container: Container, namespace: int) -> Connection:
    """Connect a network namespace to the container's networks and publish its ports. Raises NotFound, Conflict,
    OSError."""
    try:
        return _connect(database, paths, container, namespace)
    except SampanError as error:
        raise type(error)(f"failed to set up container networking: {error.message}", hint=error.hint) from error


def _connect(database: Database, paths: Paths, container: Container, namespace: int) -> Connection:
    made, joined = list[Endpoint](), list[Network]()
    for choice in container.spec.options.connections:
        network = store.find(database, paths, choice.name)
        asked = EndpointOptions(*choice[1:])
        made.append(networking.connect(database, paths, network, container.id, namespace, asked))
        joined.append(network)
    leading = endpoints.way_out(made) or made[0]
    network = joined[made.index(leading)]
    if not container.spec.options.ports and not container.spec.options.publish_all:
        return Connection(tuple(made), network.gateway, ())
    from sampan.networks import ports

    bindings = _bindings(container, drivers.host_address(network.options))
    published = ports.publish(database, paths, container.id, leading, bindings)
    return Connection(tuple(made), network.gateway, tuple(published.reservations))


def check_addresses(database: Database, paths: Paths, options: RunOptions) -> None:
    """Whether the addresses that were asked for can be given in their networks. Raises InvalidArgument in Docker's
    words; a network that does not exist is found out when the container starts."""
    for choice in options.connections or (NetworkChoice(options.network, ip=options.ip),):
        if not choice.ip and not choice.ip6 and not choice.driver_options:
            continue
        mode = choice.name
        try:
            network = None if mode.startswith("container:") else store.find(database, paths, mode)
        except NotFound:
            continue
        problems = [
            *(_problems(network, choice.ip, is_ipv6=False) if choice.ip else []),
            *(_problems(network, choice.ip6, is_ipv6=True) if choice.ip6 else []),
            *_interface_problems(choice),
        ]
        if problems:
            raise InvalidArgument(f"invalid config for network {mode}: {_shown(problems)}")


def check_choice(network: Network, choice: NetworkChoice) -> None:
    """Whether a container can have this place in the network. Raises InvalidArgument in Docker's words."""
    problems = []
    if choice.aliases and network.name in store.BUILT_IN:
        problems.append("network-scoped alias is supported only for containers in user defined networks")
    if choice.ip:
        problems += _problems(network, choice.ip, is_ipv6=False)
    if choice.ip6:
        problems += _problems(network, choice.ip6, is_ipv6=True)
    problems += _interface_problems(choice)
    if problems:
        raise InvalidArgument(_shown(problems))


def _interface_problems(choice: NetworkChoice) -> list[str]:
    try:
        drivers.interface_settings(choice.driver_options, drivers.interface_name(choice.driver_options))
    except InvalidArgument as error:
        return [error.message]
    return []


def _shown(problems: list[str]) -> str:
    every = list(dict.fromkeys(problems))
    shown = every if len(every) == 1 else [f"* {problem}" for problem in every]
    return "invalid endpoint settings:\n" + "\n".join(shown)


def _problems(network: Network | None, text: str, *, is_ipv6: bool) -> list[str]:
    if network is None or network.name in store.BUILT_IN:
        return ["user specified IP address is supported on user defined networks only", _NO_SUBNET]
    subnet = network.subnet6 if is_ipv6 else network.subnet
    if not subnet or (network.is_subnet_chosen and not is_ipv6):
        return [_NO_SUBNET]
    outside = f"no configured subnet or ip-range contain the IP address {text}"
    try:
        address = ipam.parse_address6(text) if is_ipv6 else ipam.parse_address(text)
    except InvalidArgument as error:
        return [error.message, outside]
    return [] if ipam.parse_subnet(subnet).contains(address) else [outside]


def _bindings(container: Container, usual_address: str) -> "list[PortBinding]":
    """What -p asked for and, with -P, every exposed port that it did not. `usual_address` is the network's choice for
    those that name no address of the host."""
    from sampan.networks.ports import PortBinding

    options = container.spec.options
    address = options.publish_address or usual_address
    bindings = [
        PortBinding(port.container_port, port.protocol, port.host_ip or address, port.host_port, port.host_port_end)
        for port in options.ports
    ]
    if options.publish_all:
        bound = {(port.container_port, port.protocol) for port in options.ports}
        for text in container.spec.config.exposed_ports:
            number, _, protocol = text.partition("/")
            if (int(number), protocol or "tcp") not in bound:
                bindings.append(PortBinding(int(number), protocol or "tcp", address))
    return bindings
