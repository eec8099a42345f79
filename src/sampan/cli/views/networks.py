"""`network ls`: rows."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from sampan.cli.format import Listing, Row


class NetworkFacts(NamedTuple):
    """`driver` is bridge, host or null."""

    id: str
    name: str
    driver: str
    created_ns: int
    scope: str = "local"
    ipv4: bool = True
    ipv6: bool = False
    internal: bool = False
    labels: Mapping[str, str] = {}


LISTING = Listing(
    type_name="*network.networkContext",
    headers={
        "ID": "NETWORK ID",
        "Name": "NAME",
        "Driver": "DRIVER",
        "Scope": "SCOPE",
        "IPv4": "IPV4",
        "IPv6": "IPV6",
        "Internal": "INTERNAL",
        "Labels": "LABELS",
        "CreatedAt": "CREATED AT",
    },
    columns=("ID", "Name", "Driver", "Scope"),
    raw=(("network_id", "ID"), ("name", "Name"), ("driver", "Driver"), ("scope", "Scope")),
)


def row(facts: NetworkFacts, no_trunc: bool = False) -> Row:
    return {
        "ID": facts.id if no_trunc else facts.id[:12],
        "Name": facts.name,
        "Driver": facts.driver,
        "Scope": facts.scope,
        "IPv4": str(facts.ipv4).lower(),
        "IPv6": str(facts.ipv6).lower(),
        "Internal": str(facts.internal).lower(),
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(facts.labels.items())),
        "Label": lambda key: facts.labels.get(key, ""),
        "CreatedAt": go_time(facts.created_ns),
    }


def go_time(moment_ns: int) -> str:
    """A time as Go prints it: 2026-11-23 23:43:06.75413739 +0000 UTC."""
    local = time.localtime(moment_ns // 10**9)
    rest = moment_ns % 10**9
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return time.strftime("%Y-%m-%d %H:%M:%S", local) + fraction + time.strftime(" %z %Z", local)
