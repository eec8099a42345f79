"""Which gateway, range and reserved addresses belong to which subnet of `network create`. Pure."""

from collections.abc import Mapping, Sequence

from sampan.errors import InvalidArgument
from sampan.networks import ipam
from sampan.values import NamedTuple


class Pool(NamedTuple):
    """A subnet as it was asked for, perhaps malformed, and what belongs to it; "" for what was not asked for."""

    subnet: str
    gateway: str = ""
    ip_range: str = ""
    aux_addresses: Mapping[str, str] = {}

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.subnet


def pair(
    subnets: Sequence[str], gateways: Sequence[str], ip_ranges: Sequence[str], aux_addresses: Mapping[str, str]
) -> list[Pool]:
    """One pool for each subnet. Raises InvalidArgument, in the words of docker's command, for what has no subnet."""
    if len(ip_ranges) > len(subnets) or len(gateways) > len(subnets):
        raise InvalidArgument(
            "every ip-range or gateway must have a corresponding subnet",
            hint="--subnet 10.90.0.0/24 --gateway 10.90.0.1",
        )
    _check_apart(subnets)
    pools = {text: Pool(text) for text in subnets}
    for text in ip_ranges:
        owner = _owner(subnets, text, f"no matching subnet for range {text}")
        if pools[owner].ip_range:
            raise InvalidArgument(f"cannot configure multiple ranges ({pools[owner].ip_range}, {text}) on {owner}")
        pools[owner] = pools[owner]._replace(ip_range=text)
    for text in gateways:
        owner = _owner(subnets, text, f"no matching subnet for gateway {text}")
        if pools[owner].gateway:
            raise InvalidArgument(f"cannot configure multiple gateways ({pools[owner].gateway}, {text}) on {owner}")
        pools[owner] = pools[owner]._replace(gateway=text)
    for name, text in aux_addresses.items():
        owner = _owner(subnets, text, f"no matching subnet for aux-address {text}")
        pools[owner] = pools[owner]._replace(aux_addresses={**pools[owner].aux_addresses, name: text})
    return list(pools.values())


def check(pool: Pool) -> None:
    """Whether the parts of a pool fit together. Raises InvalidArgument, in the words of docker's engine."""
    whole = ipam.parse_subnet(pool.subnet)
    if not pool.ip_range:
        return
    part = _loose(pool.ip_range)
    problems = []
    if part.prefix_length < whole.prefix_length:
        problems.append(f"invalid ip-range {pool.ip_range}: CIDR block is bigger than its parent subnet {whole}")
    if str(part) != pool.ip_range:
        problems.append(f"invalid ip-range {pool.ip_range}: it should be {part}")
    if problems:
        shown = problems if len(problems) == 1 else [f"* {problem}" for problem in problems]
        raise InvalidArgument("invalid network config:\n" + "\n".join(shown))


def _check_apart(subnets: Sequence[str]) -> None:
    known: list[ipam.Subnet] = []
    for text in subnets:
        try:
            subnet = _loose(text)
        except InvalidArgument:
            continue  # the engine says what is wrong with it
        if any(subnet.overlaps(other) for other in known):
            raise InvalidArgument("multiple overlapping subnet configuration is not supported")
        known.append(subnet)


def _owner(subnets: Sequence[str], text: str, problem: str) -> str:
    """The subnet that an address, or the first address of a range, is in."""
    for subnet in subnets:
        try:
            address, bits = ipam.parse_any(text.partition("/")[0])
            whole = _loose(subnet)
        except InvalidArgument:
            continue
        if whole.bits == bits and whole.contains(address):
            return subnet
    raise InvalidArgument(
        problem, hint=f"the subnets are {', '.join(subnets)}" if subnets else "give it a --subnet too"
    )


def _loose(text: str) -> ipam.Subnet:
    """The subnet that a CIDR notation, host bits or not, is in. Raises InvalidArgument."""
    address, slash, length = text.partition("/")
    number, bits = ipam.parse_any(address)
    if not slash or not length.isascii() or not length.isdigit() or int(length[:4]) > bits:
        raise InvalidArgument(f"invalid CIDR block notation: {text}")
    return ipam.enclosing(number, int(length), bits)
