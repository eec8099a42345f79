"""Published ports as rows, and where they lead to."""

from sampan.networks.ruleset import ALL_ADDRESSES, Forward
from sampan.storage.database import Database
from sampan.values import NamedTuple


class PublishedPort(NamedTuple):
    """`host_ip` is 0.0.0.0 for all IPv4 addresses, :: for all IPv6 ones."""

    container_port: int
    protocol: str
    host_ip: str
    host_port: int

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host_ip


def ports(database: Database, container_id: str) -> list[PublishedPort]:
    """What a container has published, by container port."""
    rows = database.rows(
        "SELECT container_port, protocol, host_ip, host_port FROM port WHERE container_id = ?"
        " ORDER BY container_port, protocol, host_port, host_ip",
        (container_id,),
    )
    return [PublishedPort(int(row[0] or 0), str(row[1]), str(row[2]), int(row[3] or 0)) for row in rows]


def owner(database: Database, protocol: str, host_ip: str, host_port: int) -> str:
    """Id of the container that has a host port on that address or on all of its family, "" when none has."""
    is_ipv6 = ":" in host_ip
    for row in database.rows(
        "SELECT container_id, host_ip FROM port WHERE protocol = ? AND host_port = ?", (protocol, host_port)
    ):
        other = str(row[1])
        if (":" in other) == is_ipv6 and (host_ip in ALL_ADDRESSES or other in (host_ip, *ALL_ADDRESSES)):
            return str(row[0])
    return ""


def forwards(database: Database, container_id: str = "") -> list[Forward]:
    """Every published port with the address that it leads to; of one container or of all.

    A container of several networks is reached through the one that is its way out, or, when all are internal, through
    the one whose name comes first; one without an IPv6 address is not reached by IPv6.
    """
    reached = (
        "SELECT e.{column} FROM endpoint e JOIN network n ON n.id = e.network_id"
        " WHERE e.container_id = p.container_id AND e.{column} != ''"
        " ORDER BY n.internal, e.gateway_priority DESC, n.name LIMIT 1"
    )
    rows = database.rows(
        "SELECT p.protocol, p.host_ip, p.host_port, p.container_port, CASE WHEN instr(p.host_ip, ':')"
        f" THEN ({reached.format(column='ip6')}) ELSE ({reached.format(column='ip')}) END"
        " FROM port p WHERE p.container_id = ? OR ? = ''",
        (container_id, container_id),
    )
    return [
        Forward(str(row[0]), str(row[1]), int(row[2] or 0), str(row[4]), int(row[3] or 0))
        for row in rows
        if row[4] is not None
    ]
