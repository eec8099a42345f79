"""`NetworkSettings` of Docker's inspect document. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.containers import compile as compilation
from sampan.containers.model import Container
from sampan.containers.options import NetworkChoice
from sampan.networks.endpoints import Endpoint
from sampan.networks.published import PublishedPort


class NetworkFacts(NamedTuple):
    """What a container has in its networks. `networks` are (name, id) of those it is to be in, as far as they exist, by
    what they were called when it was made."""

    networks: Mapping[str, tuple[str, str]] = {}
    endpoints: Sequence[Endpoint] = ()
    ports: Sequence[PublishedPort] = ()


def network_settings(container: Container, facts: NetworkFacts) -> dict[str, Any]:
    """The whole object. Addresses stand at the top too for the network named bridge, as of old."""
    first = next((endpoint for endpoint in facts.endpoints if endpoint.network == "bridge"), None)
    sandbox = hashlib.sha256(f"{container.id}/{container.started_at}".encode()).hexdigest()
    return {
        "Bridge": "",
        "SandboxID": sandbox if container.is_running else "",
        "SandboxKey": f"/proc/{container.pid}/ns/net" if container.is_running else "",
        "Ports": ports(container, facts) if container.is_running else {},
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": first.id if first else "",
        "Gateway": first.gateway if first else "",
        "GlobalIPv6Address": first.ip6 if first else "",
        "GlobalIPv6PrefixLen": first.prefix_length6 if first else 0,
        "IPAddress": first.ip if first else "",
        "IPPrefixLen": first.prefix_length if first else 0,
        "IPv6Gateway": first.gateway6 if first else "",
        "MacAddress": first.mac if first else "",
        "Networks": _networks(container, facts),
    }


def ports(container: Container, facts: NetworkFacts) -> dict[str, list[dict[str, str]] | None]:
    """Exposed ports of a running container, with where they are published, null where they are not."""
    if container.spec.options.network == "host" or container.spec.options.network.startswith("container:"):
        return {}
    found: dict[str, list[dict[str, str]]] = {port: [] for port in container.spec.config.exposed_ports}
    for port in facts.ports:
        entry = {"HostIp": port.host_ip, "HostPort": str(port.host_port)}
        found.setdefault(f"{port.container_port}/{port.protocol}", []).append(entry)
    return {port: found[port] or None for port in sorted(found)}


def _networks(container: Container, facts: NetworkFacts) -> dict[str, Any]:
    mode = container.spec.options.network
    if mode.startswith("container:"):
        return {}
    wanted = container.spec.options.connections
    if not wanted and container.spec.options.networks is None:
        wanted = (NetworkChoice(mode),)
    choices = {facts.networks.get(choice.name, (choice.name, ""))[0]: choice for choice in wanted}
    connected = {endpoint.network: endpoint for endpoint in facts.endpoints}
    names = connected if connected else choices
    return {
        name: _endpoint(container, name, choices.get(name, NetworkChoice(name)), connected.get(name), facts)
        for name in sorted(names)
    }


def _endpoint(
    container: Container, name: str, choice: NetworkChoice, endpoint: Endpoint | None, facts: NetworkFacts
) -> dict[str, Any]:
    network_id = facts.networks.get(choice.name, (name, ""))[1] if container.started_at else ""
    return {
        "IPAMConfig": _ipam_config(choice),
        "Links": (list(choice.links) or None) if name != "bridge" else None,
        "Aliases": list(choice.aliases) or None,
        "MacAddress": endpoint.mac if endpoint else "",
        "DriverOpts": dict(choice.driver_options) or None,
        "GwPriority": choice.gateway_priority,
        "NetworkID": endpoint.network_id if endpoint else network_id,
        "EndpointID": endpoint.id if endpoint else "",
        "Gateway": endpoint.gateway if endpoint else "",
        "IPAddress": endpoint.ip if endpoint else "",
        "IPPrefixLen": endpoint.prefix_length if endpoint else 0,
        "IPv6Gateway": endpoint.gateway6 if endpoint else "",
        "GlobalIPv6Address": endpoint.ip6 if endpoint else "",
        "GlobalIPv6PrefixLen": endpoint.prefix_length6 if endpoint else 0,
        "DNSNames": _dns_names(container, name, list(choice.aliases)) if endpoint else None,
    }


def _ipam_config(choice: NetworkChoice) -> dict[str, Any] | None:
    asked = {
        "IPv4Address": choice.ip,
        "IPv6Address": choice.ip6,
        "LinkLocalIPs": list(choice.link_local_ips),
    }
    return {key: value for key, value in asked.items() if value} or None


def _dns_names(container: Container, network: str, aliases: list[str]) -> list[str] | None:
    """The names that others find the container by: only user-defined networks have them."""
    if network in ("bridge", "host", "none"):
        return None
    own = [container.name, *aliases, container.id[:12], compilation.hostname(container)]
    return list(dict.fromkeys(own))
