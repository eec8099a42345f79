"""Subnets and addresses, of IPv4 and IPv6, as numbers. Pure."""

from _socket import AF_INET6, inet_ntop, inet_pton
from collections.abc import Collection, Iterable, Iterator

from sampan.errors import Conflict, InvalidArgument, Unavailable
from sampan.values import NamedTuple


class Subnet(NamedTuple):
    """`network` is the lowest address; its host bits are zero. `bits` is 32 for IPv4, 128 for IPv6."""

    network: int
    prefix_length: int
    bits: int = 32

    def __str__(self) -> str:
        return f"{format_address(self.network, self.bits)}/{self.prefix_length}"

    @property
    def last(self) -> int:
        return self.network | ((1 << (self.bits - self.prefix_length)) - 1)

    def contains(self, address: int) -> bool:
        return self.network <= address <= self.last

    def overlaps(self, other: "Subnet") -> bool:
        return self.bits == other.bits and self.network <= other.last and other.network <= self.last


def parse_address(text: str) -> int:
    """A dotted quad. Raises InvalidArgument."""
    parts = text.split(".")
    if len(parts) != 4 or not all(_is_octet(part) for part in parts):
        raise InvalidArgument(f"invalid IPv4 address: {text}")
    return int.from_bytes(bytes(int(part) for part in parts), "big")


def _is_octet(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= 255 and str(int(part)) == part


def parse_address6(text: str) -> int:
    """An IPv6 address without a zone. Raises InvalidArgument."""
    try:
        return int.from_bytes(inet_pton(AF_INET6, text), "big")
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"invalid IPv6 address: {text}") from error


def parse_any(text: str) -> tuple[int, int]:
    """An address of either family and its length in bits. Raises InvalidArgument."""
    return (parse_address6(text), 128) if ":" in text else (parse_address(text), 32)


def format_address(address: int, bits: int = 32) -> str:
    if bits == 128:
        return inet_ntop(AF_INET6, address.to_bytes(16, "big"))
    return ".".join(str(octet) for octet in address.to_bytes(4, "big"))


def enclosing(address: int, prefix_length: int, bits: int = 32) -> Subnet:
    """The subnet of that size that `address` is in."""
    host_bits = (1 << (bits - prefix_length)) - 1
    return Subnet(address & ~host_bits & ((1 << bits) - 1), prefix_length, bits)


def parse_range(text: str, what: str) -> Subnet:
    """CIDR notation without host bits; `what` it is, "subnet" or "ip-range". Raises InvalidArgument."""
    address, slash, length = text.partition("/")
    number, bits = 0, 0
    try:
        number, bits = parse_any(address)
    except InvalidArgument:
        slash = ""
    if not slash or not length.isascii() or not length.isdigit() or len(length) > 3 or int(length) > bits:
        raise InvalidArgument(
            f"invalid network config:\ninvalid {what} {text}: invalid CIDR block notation",
            hint="write it as 10.90.0.0/24",
        )
    subnet = enclosing(number, int(length), bits)
    if subnet.network != number:
        raise InvalidArgument(f"invalid network config:\ninvalid {what} {text}: it should be {subnet}")
    return subnet


def parse_subnet(text: str) -> Subnet:
    """A range with room for a gateway and a container. Raises InvalidArgument."""
    subnet = parse_range(text, "subnet")
    if subnet.bits - subnet.prefix_length < 2:
        raise InvalidArgument(f"invalid subnet {text}: it has no room for a gateway and a container")
    return subnet


def default_pools() -> Iterator[Subnet]:
    """What Docker takes subnets from when none is asked for, in its order."""
    for second in range(17, 32):
        yield Subnet(parse_address(f"172.{second}.0.0"), 16)
    for third in range(0, 256, 16):
        yield Subnet(parse_address(f"192.168.{third}.0"), 20)


def pools_of(bases: Iterable[tuple[str, int]]) -> Iterator[Subnet]:
    """The subnets of some sizes (prefix lengths) that larger ones are divided into; Docker's own without any."""
    chosen = list(bases)
    if not chosen:
        yield from default_pools()
    for text, prefix_length in chosen:
        base = parse_range(text, "pool")
        for number in range(1 << (prefix_length - base.prefix_length)):
            yield Subnet(base.network + (number << (base.bits - prefix_length)), prefix_length, base.bits)


def choose_subnet(taken: Iterable[Subnet], pools: Iterable[Subnet] = ()) -> Subnet:
    """The first of `pools`, or of the default ones, that overlaps nothing in `taken` (default routes there do not
    count).

    Raises Unavailable when all are taken.
    """
    obstacles = [subnet for subnet in taken if subnet.prefix_length > 0]
    for pool in pools or default_pools():
        if not any(pool.overlaps(obstacle) for obstacle in obstacles):
            return pool
    raise Unavailable(
        "all predefined address pools have been fully subnetted",
        hint="remove networks that are not used (sampan network prune), or choose a --subnet",
    )


def choose_subnet6(seed: bytes, taken: Iterable[Subnet]) -> Subnet:
    """The first free /64 of the unique local prefix (RFC 4193) that `seed`, 5 bytes, makes: the same root gets the same
    prefix each time, another root another one. Raises Unavailable."""
    obstacles = [subnet for subnet in taken if subnet.prefix_length > 0]
    prefix = (0xFD << 120) | (int.from_bytes(seed, "big") << 80)
    for number in range(1 << 16):
        pool = Subnet(prefix | (number << 64), 64, 128)
        if not any(pool.overlaps(obstacle) for obstacle in obstacles):
            return pool
    raise Unavailable("all predefined IPv6 address pools are taken", hint="choose a --subnet")


def choose_address(
    subnet: Subnet, taken: Collection[int], wanted: int | None = None, within: Subnet | None = None
) -> int:
    """`wanted`, or the lowest free address, of `within` when it is given; the network's own and the broadcast address
    are nobody's.

    Raises Conflict when `wanted` is taken, InvalidArgument when it is outside, Unavailable when none is free.
    """
    if wanted is not None:
        if not subnet.contains(wanted) or wanted in (subnet.network, subnet.last):
            shown = format_address(wanted, subnet.bits)
            raise InvalidArgument(f"no configured subnet or ip-range contain the IP address {shown}")
        if wanted in taken:
            raise Conflict("Address already in use", hint="choose another --ip, or none to get a free one")
        return wanted
    pool = within or subnet
    for address in range(max(pool.network, subnet.network + 1), min(pool.last, subnet.last - 1) + 1):
        if address not in taken:
            return address
    family = "IPv6" if subnet.bits == 128 else "IPv4"
    raise Unavailable(
        f"no available {family} addresses on this network's address pools: {pool}",
        hint="remove containers from the network, or make one with a larger --subnet",
    )


def mac_of(address: int) -> str:
    """The hardware address of an endpoint, made of its IP address: what remembers one for the other is never stale."""
    return "02:42:" + ":".join(f"{octet:02x}" for octet in address.to_bytes(4, "big"))
