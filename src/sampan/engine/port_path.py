"""Why a published port is reached from where it is, in plain words: `port --why`."""

from sampan.containers import store
from sampan.containers.model import Container
from sampan.networks import endpoints, firewall, published
from sampan.networks.ruleset import ALL_ADDRESSES, Forward
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

_LOCAL = ("127.", "::1")


class PortFacts(NamedTuple):
    """What is known about a container's published ports. `network` leads to it, "" when none does; `mode` is how it was
    asked for."""

    name: str
    is_running: bool
    table: str
    is_firewall_whole: bool
    network: str = ""
    is_internal: bool = False
    forwards: tuple[Forward, ...] = ()
    mode: str = "bridge"


def why(database: Database, paths: Paths, reference: str) -> list[str]:
    """Lines about every published port of a container. Raises NotFound."""
    return explain(gather(database, paths, store.find(database, reference)))


def gather(database: Database, paths: Paths, container: Container) -> PortFacts:
    with database.transaction():
        found = endpoints.read(database, container_id=container.id)
        leading = endpoints.way_out(found) or (found[0] if found else None)
        return PortFacts(
            container.name,
            container.is_running,
            paths.firewall_table,
            firewall.is_whole(database, paths),
            leading.network if leading else "",
            leading is not None and not leading.gateway,
            tuple(published.forwards(database, container.id)),
            container.spec.options.network,
        )


def explain(facts: PortFacts) -> list[str]:
    """The lines, an empty one between ports. Pure."""
    if not facts.is_running:
        return [f"{facts.name} does not run. Its ports are published while it does: sampan start {facts.name}"]
    if facts.mode == "host":
        return [
            f"{facts.name} has the host's own network: what listens in it listens on the host, whose firewall applies."
        ]
    if facts.mode.startswith("container:"):
        return [
            f"{facts.name} is in the network of another container: sampan port --why {facts.mode.partition(':')[2]}"
        ]
    if not facts.forwards:
        return [f"{facts.name} has published no port that leads to it. Publish one when it is made: -p 8080:80"]
    lines = list[str]()
    for forward in sorted(facts.forwards, key=lambda f: (f.container_port, f.protocol, f.host_port, f.host_ip)):
        lines += [*_path(facts, forward), ""]
    if not facts.is_firewall_whole:
        lines += [
            "The rules are not there: somebody has flushed them. sampan system check --repair brings them back.",
            "",
        ]
    if any(not _is_local(forward) for forward in facts.forwards) and not facts.is_internal:
        lines += _ADVICE
    return lines if lines[-1] else lines[:-1]


_ADVICE = [
    "To let in only programs of this host, name its own address: -p 127.0.0.1:8080:80. For all that are made later and",
    "name none: publish_local_only = true in /etc/sampan/config.toml, or SAMPAN_PUBLISH_LOCAL_ONLY=1.",
]


def _path(facts: PortFacts, forward: Forward) -> list[str]:
    where = _where(forward)
    lines = [
        f"{forward.protocol} port {forward.host_port} of {where} leads to port {forward.container_port} of {facts.name}"
        f" ({forward.container_ip} in network {facts.network}).",
        f"Rule: nft list map {forward.family} {facts.table} {forward.map}",
    ]
    if facts.is_internal:
        return [*lines, f"Network {facts.network} is internal: only this host itself gets there."]
    if _is_local(forward):
        return [*lines, "Only programs of this host reach it: nothing from outside may send to its loopback address."]
    return [
        *lines,
        "It goes around the host's firewall: the destination is rewritten before rules for incoming packets (ufw,",
        f"firewalld, iptables INPUT) are asked, so closing port {forward.host_port} there keeps nobody out.",
    ]


def _where(forward: Forward) -> str:
    if forward.host_ip in ALL_ADDRESSES:
        return f"every {'IPv6' if forward.family == 'ip6' else 'IPv4'} address of this host"
    return forward.host_ip


def _is_local(forward: Forward) -> bool:
    return forward.host_ip.startswith(_LOCAL)
