"""Networks, as the public face shows them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sampan.containers import store as containers
from sampan.containers.options import NetworkChoice
from sampan.containers.timestamp import rfc3339
from sampan.errors import InvalidArgument, NotFound, PermissionDenied
from sampan.networks import bridge, creation, endpoints, store
from sampan.networks.creation import NO_OPTIONS, NetworkOptions
from sampan.networks.endpoints import Endpoint
from sampan.networks.store import Network
from sampan.storage import events
from sampan.storage.database import Database
from sampan.storage.paths import Paths

Filters = Mapping[str, Sequence[str]]
NO_FILTERS: Filters = {}
ANY_PLACE = NetworkChoice("")
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

    def connect(self, reference: str, container: str, choice: NetworkChoice = ANY_PLACE) -> None:
        """Let a container be in another network, at once when it runs; `choice.name` is left out.

        Raises NotFound, InvalidArgument, PermissionDenied (already in it), Conflict (address in use).
        """
        from sampan.containers import membership

        network = self.get(reference)
        record = containers.find(self.database, container)
        membership.connect(self.database, self.paths, network, record.id, choice)

    def disconnect(self, reference: str, container: str, *, force: bool = False) -> None:
        """Take a container out of a network, at once when it runs.

        Raises NotFound, PermissionDenied (it is not in it). `force` asks for the endpoint of a container that is gone,
        and there is none: it is freed with its container.
        """
        from sampan.containers import membership

        network = self.get(reference)
        try:
            record = containers.find(self.database, container)
        except NotFound as error:
            if force:
                raise NotFound(f"endpoint {container} not found") from error
            raise
        membership.disconnect(self.database, self.paths, network, record.id)

    def prune(self, filters: Filters = NO_FILTERS, *, dry_run: bool = False) -> "list_of[str]":
        """Remove the networks of users' own that no container is in or is to be in: their names.

        `filters`: until, label, label!; InvalidArgument for others. With `dry_run` nothing is removed.
        """
        found = self._unused(filters)
        if dry_run:
            return [network.name for network in found]
        removed = []
        for network in found:
            try:
                bridge.remove(self.database, self.paths, network)
            except PermissionDenied:
                continue  # a container has come into it meanwhile
            removed.append(network.name)
        with self.database.transaction(durable=False):
            events.record(self.database, "network", "prune", "", {"reclaimed": "0"})
        return removed

    def _unused(self, filters: Filters) -> "list_of[Network]":
        wanted = set[str]()
        for record in containers.all_containers(self.database):
            wanted.update(choice.name for choice in record.spec.options.connections)
        found = [n for n in self.list() if n.name not in store.BUILT_IN and wanted.isdisjoint((n.name, n.id))]
        return [n for n in selected(found, filters) if not self.endpoints(n)]


def selected(found: Sequence[Network], filters: Filters) -> list[Network]:
    """Those that pass the filters of `network prune`. Raises InvalidArgument."""
    for name in filters:
        if name not in ("until", "label", "label!"):
            raise InvalidArgument(f"invalid filter '{name}'", hint="filters are until, label, label!")
    limits = [_moment(text) for text in filters.get("until", ())]
    return [
        network
        for network in found
        if all(network.created_at < limit for limit in limits)
        and all(_has_label(network, text) for text in filters.get("label", ()))
        and not any(_has_label(network, text) for text in filters.get("label!", ()))
    ]


def _has_label(network: Network, text: str) -> bool:
    key, equals, value = text.partition("=")
    return key in network.labels and (not equals or network.labels[key] == value)


def _moment(text: str) -> int:
    from sampan.images import selection

    return int(selection.until(text).timestamp() * 10**9)


def document(network: Network, members: Sequence[Endpoint], name_of: Callable[[str], str]) -> dict[str, Any]:
    """`docker network inspect` in the shape of Docker 28.5."""
    is_built_in = network.name in store.BUILT_IN
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": rfc3339(network.created_at),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": bool(network.subnet6),
        "IPAM": {
            "Driver": "default",
            "Options": None if is_built_in else dict(sorted(network.ipam_options.items())),
            "Config": _address_config(network) or None,
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            endpoint.container_id: {
                "Name": name_of(endpoint.container_id),
                "EndpointID": endpoint.id,
                "MacAddress": endpoint.mac,
                "IPv4Address": f"{endpoint.ip}/{endpoint.prefix_length}",
                "IPv6Address": f"{endpoint.ip6}/{endpoint.prefix_length6}" if endpoint.ip6 else "",
            }
            for endpoint in sorted(members, key=lambda endpoint: endpoint.container_id)
        },
        "Options": dict(sorted(network.options.items())),
        "Labels": dict(sorted(network.labels.items())),
    }


def _address_config(network: Network) -> list[dict[str, Any]]:
    families = (
        (network.subnet, network.ip_range, network.gateway),
        (network.subnet6, network.ip_range6, network.gateway6),
    )
    found = []
    for subnet, ip_range, gateway in families:
        is_ipv6 = ":" in subnet
        auxiliary = {k: v for k, v in sorted(network.aux_addresses.items()) if (":" in v) == is_ipv6}
        parts = {"Subnet": subnet, "IPRange": ip_range, "Gateway": gateway, "AuxiliaryAddresses": auxiliary}
        if subnet:
            found.append({key: value for key, value in parts.items() if value})
    return found
