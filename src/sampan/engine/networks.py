"""Networks, as the public face shows them."""

from collections.abc import Callable, Sequence
from typing import Any

from sampan.containers.timestamp import rfc3339
from sampan.errors import PermissionDenied
from sampan.networks import bridge, creation, endpoints, store
from sampan.networks.creation import NO_OPTIONS, NetworkOptions
from sampan.networks.endpoints import Endpoint
from sampan.networks.store import Network
from sampan.storage import events
from sampan.storage.database import Database
from sampan.storage.paths import Paths

list_of = list  # `Networks.list` hides the builtin in annotations


class Networks:
    """What can be done with networks. A reference is a name, an id or the beginning of one."""

    __slots__ = ("database", "paths")

    def __init__(self, database: Database, paths: Paths) -> None:
        self.database = database
        self.paths = paths

    def create(
        self,
        name: str,
        options: NetworkOptions = NO_OPTIONS,
    ) -> Network:
        """Make a network.

        Raises InvalidArgument, NotFound (driver), Conflict (name), PermissionDenied (addresses in use), Unsupported.
        """
        return creation.create(self.database, self.paths, name, options)

    def list(self) -> "list_of[Network]":
        """All networks, bridge, host and none among them, by name."""
        return store.list_networks(self.database, self.paths)

    def get(self, reference: str) -> Network:
        """Raises NotFound, or Conflict for an ambiguous id."""
        return store.find(self.database, self.paths, reference)

    def endpoints(self, network: Network) -> "list_of[Endpoint]":
        """The running containers' places in a network, by address."""
        return endpoints.read(self.database, network_id=network.id)

    def inspect(self, reference: str) -> dict[str, Any]:
        """Docker's inspect document. Raises NotFound."""
        network = self.get(reference)

        def name_of(container_id: str) -> str:
            return endpoints.container_name(self.database, container_id)

        return document(network, self.endpoints(network), name_of)

    def remove(self, reference: str) -> None:
        """Remove a network and its bridge. Raises NotFound, PermissionDenied when built in or in use."""
        bridge.remove(self.database, self.paths, self.get(reference))

    def prune(self) -> "list_of[str]":
        """Remove every network of a user's own that no running container is in: their names."""
        removed = []
        for network in self.list():
            if network.name in store.BUILT_IN or self.endpoints(network):
                continue
            try:
                bridge.remove(self.database, self.paths, network)
            except PermissionDenied:
                continue  # a container has come into it meanwhile
            removed.append(network.name)
        with self.database.transaction(durable=False):
            events.record(self.database, "network", "prune", "", {"reclaimed": "0"})
        return removed


def document(network: Network, members: Sequence[Endpoint], name_of: Callable[[str], str]) -> dict[str, Any]:
    """`docker network inspect` in the shape of Docker 28.5."""
    is_built_in = network.name in store.BUILT_IN
    address_config = [{"Subnet": network.subnet, "Gateway": network.gateway}] if network.subnet else None
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": rfc3339(network.created_at),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None if is_built_in else {}, "Config": address_config},
        "Internal": network.internal,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            endpoint.container_id: {
                "Name": name_of(endpoint.container_id),
                "EndpointID": endpoint.id,
                "MacAddress": endpoint.mac,
                "IPv4Address": f"{endpoint.ip}/{endpoint.prefix_length}",
                "IPv6Address": "",
            }
            for endpoint in sorted(members, key=lambda endpoint: endpoint.container_id)
        },
        "Options": dict(sorted(network.options.items())),
        "Labels": dict(sorted(network.labels.items())),
    }
