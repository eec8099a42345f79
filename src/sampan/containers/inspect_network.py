"""`NetworkSettings` of Docker's inspect document. Pure."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from sampan.containers import compile as compilation
from sampan.containers.model import Container
from sampan.networks.endpoints import Endpoint
from sampan.networks.published import PublishedPort


class NetworkFacts(NamedTuple):
    """What a container has in its networks. `network_id` is that of the network it starts in, "" when that is gone."""

    network_id: str = ""
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
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": first.ip if first else "",
        "IPPrefixLen": first.prefix_length if first else 0,
        "IPv6Gateway": "",
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
    found = {endpoint.network: _endpoint(container, endpoint, endpoint.network_id) for endpoint in facts.endpoints}
    if not found:
        network_id = facts.network_id if container.started_at else ""
        found[mode] = _endpoint(container, None, network_id)
    return dict(sorted(found.items()))


def _endpoint(container: Container, endpoint: Endpoint | None, network_id: str) -> dict[str, Any]:
    options = container.spec.options
    name = endpoint.network if endpoint else options.network
    is_first = name == options.network
    ip = options.ip if is_first else ""
    aliases = list(options.network_aliases) if is_first else []
    return {
        "IPAMConfig": {"IPv4Address": ip} if ip else None,
        "Links": None,
        "Aliases": aliases or None,
        "MacAddress": endpoint.mac if endpoint else "",
        "DriverOpts": None,
        "GwPriority": 0,
        "NetworkID": network_id,
        "EndpointID": endpoint.id if endpoint else "",
        "Gateway": endpoint.gateway if endpoint else "",
        "IPAddress": endpoint.ip if endpoint else "",
        "IPPrefixLen": endpoint.prefix_length if endpoint else 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": _dns_names(container, name, aliases) if endpoint else None,
    }


def _dns_names(container: Container, network: str, aliases: list[str]) -> list[str] | None:
    """The names that others find the container by: only user-defined networks have them."""
    if network in ("bridge", "host", "none"):
        return None
    own = [container.name, *aliases, container.id[:12], compilation.hostname(container)]
    return list(dict.fromkeys(own))
