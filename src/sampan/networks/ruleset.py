"""The nft table of one root, as text. Pure.

Published ports are entries of two maps, `bound_ports` for those of one host address and `ports` for those of all;
everything else depends on the networks alone, so a container's start and end change entries only.
"""

from collections.abc import Iterable, Sequence

from sampan.values import NamedTuple

PORTS, BOUND_PORTS = "ports", "bound_ports"
PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}
ALL_ADDRESSES = ("", "0.0.0.0")


class BridgeRules(NamedTuple):
    """What the rules need of a network."""

    bridge: str
    subnet: str
    internal: bool


class Forward(NamedTuple):
    """A published port: (protocol, host_ip, host_port) goes to (container_ip, container_port)."""

    protocol: str
    host_ip: str
    host_port: int
    container_ip: str
    container_port: int

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
    return bytes(int(octet) for octet in text.split("."))


def _port(number: int) -> bytes:
    return number.to_bytes(2, "big") + b"\0\0"


def render(table: str, networks: Sequence[BridgeRules], forwards: Iterable[Forward]) -> str:
    """A script that puts the table in place of what is there, in one transaction."""
    every = list(forwards)
    bridges = [f'"{n.bridge}"' for n in networks]
    return "\n".join(
        (
            f"add table ip {table}",
            f"delete table ip {table}",
            f"table ip {table} {{",
            _set("set bridges", "type ifname;", bridges),
            _set("set internal", "type ifname;", [f'"{n.bridge}"' for n in networks if n.internal]),
            _set("set within", "type ifname . ifname;", [f"{bridge} . {bridge}" for bridge in bridges]),
            _set("set subnets", "type ipv4_addr; flags interval;", [n.subnet for n in networks]),
            _set(
                f"map {PORTS}",
                "type inet_proto . inet_service : ipv4_addr . inet_service;",
                [_entry(f) for f in every if f.map == PORTS],
            ),
            _set(
                f"map {BOUND_PORTS}",
                "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;",
                [f"{f.host_ip} . {_entry(f)}" for f in every if f.map == BOUND_PORTS],
            ),
            _CHAINS,
            "}",
            "",
        )
    )


def _entry(forward: Forward) -> str:
    return f"{forward.protocol} . {forward.host_port} : {forward.container_ip} . {forward.container_port}"


def _set(name: str, definition: str, elements: Sequence[str]) -> str:
    filled = f" elements = {{ {', '.join(elements)} }}" if elements else ""
    return f"\t{name} {{ {definition}{filled} }}"


# early:       bridges route 127/8 (route_localnet) so that the host's own 127.0.0.1:PORT can be published; nothing from
#              a wire or a container may come in by that way.
# forward:     one network; answers; internal networks end here; published ports; nothing else enters a network,
#              neither from another network nor from a host that routes to the subnet.
# postrouting: what leaves a network, what comes back to a network through a published port, and what the host itself
#              sends from 127.0.0.1 takes the host's address, or the answer would not find the way back.
_TRANSLATE = f"""\
\t\tfib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @{BOUND_PORTS}
\t\tfib daddr type local dnat ip to meta l4proto . th dport map @{PORTS}"""
_CHAINS = f"""\
\tchain early {{
\t\ttype filter hook prerouting priority raw; policy accept;
\t\tiifname != "lo" ip daddr 127.0.0.0/8 drop
\t}}
\tchain prerouting {{
\t\ttype nat hook prerouting priority dstnat; policy accept;
{_TRANSLATE}
\t}}
\tchain output {{
\t\ttype nat hook output priority -100; policy accept;
{_TRANSLATE}
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
\t\tip saddr @subnets oifname != @bridges masquerade
\t\tip saddr @subnets oifname @bridges ct status dnat masquerade
\t\tip saddr 127.0.0.0/8 oifname @bridges masquerade
\t}}"""
