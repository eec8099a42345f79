"""Who has which name for a container, from the rows."""

import json
from collections.abc import Sequence
from socket import AF_INET, AF_INET6, inet_pton

from sampan.networks.zone import Member, Zone
from sampan.storage.database import Database
from sampan.values import NamedTuple

_SHORT = 12
_RUNS = "c.status IN ('running', 'paused')"
_NAMED = "n.driver != 'host' AND n.name != 'bridge'"


class Asker(NamedTuple):
    """A container that asks. `servers` are its --dns; `is_internal` when none of its networks leads outside."""

    zone: Zone
    servers: tuple[str, ...]
    is_internal: bool


def askers(database: Database) -> dict[str, tuple[int, int]]:
    """The running containers that are in a network with names: id to (pid, its start time)."""
    rows = database.rows(
        "SELECT DISTINCT c.id, c.pid, c.pid_start FROM container c JOIN endpoint e ON e.container_id = c.id"
        f" JOIN network n ON n.id = e.network_id WHERE {_RUNS} AND {_NAMED}"
    )
    return {str(row[0]): (int(row[1] or 0), int(row[2] or 0)) for row in rows}


def is_any(database: Database) -> bool:
    """Whether a running container is in a network with names."""
    return bool(askers(database))


def version(database: Database) -> int:
    """A number that is another one when any process has changed the database since."""
    row = database.row("PRAGMA data_version")
    return int(row[0] or 0) if row else 0


def asker(database: Database, container_id: str) -> Asker:
    """What a container may know: the names in each of its networks, the default bridge left out, and its links."""
    own = database.rows(
        "SELECT n.id, n.internal, n.name, e.links FROM endpoint e JOIN network n ON n.id = e.network_id"
        " WHERE e.container_id = ?",
        (container_id,),
    )
    row = database.row("SELECT json_extract(spec, '$.options.dns') FROM container WHERE id = ?", (container_id,))
    members = _members(database, [str(network[0]) for network in own])
    for network in own:
        members = [_linked(member, str(network[2]), json.loads(str(network[3]))) for member in members]
    return Asker(
        Zone(members),
        tuple(json.loads(str(row[0]))) if row and row[0] else (),
        bool(own) and all(network[1] for network in own),
    )


def _members(database: Database, networks: Sequence[str]) -> list[Member]:
    rows = database.rows(
        "SELECT n.name, e.ip, e.ip6, c.name, c.id, json_extract(c.spec, '$.options.hostname'), e.aliases"
        " FROM endpoint e JOIN network n ON n.id = e.network_id JOIN container c ON c.id = e.container_id"
        f" WHERE {_RUNS} AND {_NAMED} AND n.id IN ({', '.join('?' * len(networks))}) ORDER BY c.created_at",
        networks,
    )
    found = []
    for network, ip, ip6, name, container_id, hostname, given in rows:
        names = [str(name), str(container_id)[:_SHORT], str(hostname or "")]
        names += [str(alias) for alias in json.loads(str(given or "[]"))]
        addresses = [_packed(str(address)) for address in (ip, ip6) if address]
        found.append(Member(str(network), tuple(addresses), tuple(name for name in names if name)))
    return found


def _linked(member: Member, network: str, links: Sequence[str]) -> Member:
    """The member with the names that links, "container[:alias]", give it in a network."""
    if member.network != network:
        return member
    pairs = [link.partition(":") for link in links]
    return member._replace(
        names=(*member.names, *(alias for name, _, alias in pairs if alias and name in member.names))
    )


def _packed(address: str) -> bytes:
    text = address.partition("/")[0]
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
