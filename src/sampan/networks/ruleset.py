"""The nft table of one root, as text, once for IPv4 and, where networks have it, once for IPv6. Pure.

Published ports are entries of two maps, `bound_ports` for those of one host address and `ports` for those of all;
everything else depends on the networks alone, so a container's start and end change entries only.
"""

from _socket import AF_INET, AF_INET6, inet_pton
from collections.abc import Iterable, Sequence

from sampan.values import NamedTuple

PORTS, BOUND_PORTS = "ports", "bound_ports"
PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}
ALL_ADDRESSES = ("", "0.0.0.0", "::")


class BridgeRules(NamedTuple):
    """What the rules need of a network. `subnet6` is "" without IPv6.

    In an `is_open` one its containers reach each other; what leaves an `is_masked` one has the host's address.
    """

    bridge: str
    subnet: str
    internal: bool
    subnet6: str = ""
    is_open: bool = True
    is_masked: bool = True


class Forward(NamedTuple):
    """A published port: (protocol, host_ip, host_port) goes to (container_ip, container_port)."""

    protocol: str
    host_ip: str
    host_port: int
    container_ip: str
    container_port: int

    @property
    def family(self) -> str:
        return "ip6" if ":" in self.container_ip else "ip"

    @property
    def map(self) -> str:
        return PORTS if self.host_ip in ALL_ADDRESSES else BOUND_PORTS

    @property
    def key(self) -> bytes:
        """As the kernel keeps it: each part padded to four bytes."""
        head = b"" if self.map == PORTS else _address(self.host_ip)
        return head + bytes((PROTOCOL_NUMBERS[self.protocol], 0, 0, 0)) + _port(self.host_port)

    @property
    def value(self) -> bytes:
        return _address(self.container_ip) + _port(self.container_port)


def _address(text: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


def _port(number: int) -> bytes:
    return number.to_bytes(2, "big") + b"\0\0"


def render(table: str, networks: Sequence[BridgeRules], forwards: Iterable[Forward]) -> str:
    """A script that puts the tables in place of what is there, in one transaction."""
    every = list(forwards)
    script = _table("ip", table, networks, [f for f in every if f.family == "ip"])
    networks6 = [network._replace(subnet=network.subnet6) for network in networks if network.subnet6]
    if networks6:
        script += _table("ip6", table, networks6, [f for f in every if f.family == "ip6"])
    return script


def _table(family: str, table: str, networks: Sequence[BridgeRules], forwards: Sequence[Forward]) -> str:
    bridges = [f'"{n.bridge}"' for n in networks]
    address = {"ip": "ipv4_addr", "ip6": "ipv6_addr"}[family]
    return "\n".join(
        (
            f"add table {family} {table}",
            f"delete table {family} {table}",
            f"table {family} {table} {{",
            _set("set bridges", "type ifname;", bridges),
            _set("set internal", "type ifname;", [f'"{n.bridge}"' for n in networks if n.internal]),
            _set(
                "set within", "type ifname . ifname;", [f'"{n.bridge}" . "{n.bridge}"' for n in networks if n.is_open]
            ),
            _set("set subnets", f"type {address}; flags interval;", [n.subnet for n in networks]),
            _set("set masked", f"type {address}; flags interval;", [n.subnet for n in networks if n.is_masked]),
            _set(
                f"map {PORTS}",
                f"type inet_proto . inet_service : {address} . inet_service;",
                [_entry(f) for f in forwards if f.map == PORTS],
            ),
            _set(
                f"map {BOUND_PORTS}",
                f"type {address} . inet_proto . inet_service : {address} . inet_service;",
                [f"{f.host_ip} . {_entry(f)}" for f in forwards if f.map == BOUND_PORTS],
            ),
            _early(family),
            _chains(family),
            "}",
            "",
        )
    )


def rule_counts(family: str) -> dict[str, int]:
    """How many rules each chain of a table has."""
    counts, name = dict[str, int](), ""
    for line in (_early(family) + "\n" + _chains(family)).splitlines():
        words = line.split()
        if words[:1] == ["chain"]:
            name = words[1]
            counts[name] = 0
        elif words and words[0] not in ("type", "}"):
            counts[name] += 1
    return counts


def _entry(forward: Forward) -> str:
    return f"{forward.protocol} . {forward.host_port} : {forward.container_ip} . {forward.container_port}"


def _set(name: str, definition: str, elements: Sequence[str]) -> str:
    filled = f" elements = {{ {', '.join(elements)} }}" if elements else ""
    return f"\t{name} {{ {definition}{filled} }}"


def _early(family: str) -> str:
    """Bridges route 127/8 (route_localnet) so that the host's own 127.0.0.1:PORT can be published; nothing from a wire
    or a container may come in by that way. The kernel itself keeps ::1 from every wire."""
    if family == "ip6":
        return ""
    return """\
\tchain early {
\t\ttype filter hook prerouting priority raw; policy accept;
\t\tiifname != "lo" ip daddr 127.0.0.0/8 drop
\t}"""


def _chains(family: str) -> str:
    """What translates and filters.

    forward: one network; answers; internal networks end here; published ports; nothing else enters a network, neither
    from another network nor from a host that routes to the subnet. Within a network that is not open only published
    ports are reached, also by way of the host.
    postrouting: what leaves a network, what comes back to a network through a published port, and what the host itself
    sends from 127.0.0.1 takes the host's address, or the answer would not find the way back.
    """
    # What is sent to ::1 cannot leave the host, whatever it is translated to.
    local = "fib daddr type local" if family == "ip" else "fib daddr type local ip6 daddr != ::1"
    translate = f"""\
\t\t{local} dnat {family} to {family} daddr . meta l4proto . th dport map @{BOUND_PORTS}
\t\t{local} dnat {family} to meta l4proto . th dport map @{PORTS}"""
    from_loopback = "\t\tip saddr 127.0.0.0/8 oifname @bridges masquerade\n" if family == "ip" else ""
    return f"""\
\tchain prerouting {{
\t\ttype nat hook prerouting priority dstnat; policy accept;
{translate}
\t}}
\tchain output {{
\t\ttype nat hook output priority -100; policy accept;
{translate}
\t}}
\tchain forward {{
\t\ttype filter hook forward priority filter; policy accept;
\t\tiifname . oifname @within accept
\t\toifname @bridges ct state established,related accept
\t\tiifname @internal drop
\t\toifname @internal drop
\t\toifname @bridges ct status dnat accept
\t\toifname @bridges drop
\t}}
\tchain postrouting {{
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\t{family} saddr @masked oifname != @bridges masquerade
\t\t{family} saddr @subnets oifname @bridges ct status dnat masquerade
{from_loopback}\t}}"""
