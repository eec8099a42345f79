"""Subnets and addresses of IPv4, as numbers. Pure."""

from collections.abc import Collection, Iterable, Iterator

from sampan.errors import Conflict, InvalidArgument, Unavailable
from sampan.values import NamedTuple


class Subnet(NamedTuple):
    """`network` is the lowest address; its host bits are zero."""

    network: int
    prefix_length: int

    def __str__(self) -> str:
        return f"{format_address(self.network)}/{self.prefix_length}"

    @property
    def last(self) -> int:
        return self.network | ((1 << (32 - self.prefix_length)) - 1)

    def contains(self, address: int) -> bool:
        return self.network <= address <= self.last

    def overlaps(self, other: "Subnet") -> bool:
        return self.network <= other.last and other.network <= self.last


def parse_address(text: str) -> int:
    """A dotted quad. Raises InvalidArgument."""
    parts = text.split(".")
    if len(parts) != 4 or not all(_is_octet(part) for part in parts):
        raise InvalidArgument(f"invalid IPv4 address: {text}")
    return int.from_bytes(bytes(int(part) for part in parts), "big")


def _is_octet(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= 255 and str(int(part)) == part


def format_address(address: int) -> str:
    return ".".join(str(octet) for octet in address.to_bytes(4, "big"))


def enclosing(address: int, prefix_length: int) -> Subnet:
    """The subnet of that size that `address` is in."""
    host_bits = (1 << (32 - prefix_length)) - 1
    return Subnet(address & ~host_bits & 0xFFFFFFFF, prefix_length)


def parse_subnet(text: str) -> Subnet:
    """CIDR notation without host bits, room for a gateway and a container. Raises InvalidArgument."""
    address, slash, length = text.partition("/")
    try:
        number = parse_address(address)
    except InvalidArgument:
        slash = ""
        number = 0
    if not slash or not length.isascii() or not length.isdigit() or len(length) > 2 or int(length) > 32:
        raise InvalidArgument(f"invalid network config:\ninvalid subnet {text}: invalid CIDR block notation")
    subnet = enclosing(number, int(length))
    if subnet.network != number:
        raise InvalidArgument(f"invalid network config:\ninvalid subnet {text}: it should be {subnet}")
    if subnet.prefix_length > 30:
        raise InvalidArgument(f"invalid subnet {text}: it has no room for a gateway and a container")
    return subnet


def default_pools() -> Iterator[Subnet]:
    """What Docker takes subnets from when none is asked for, in its order."""
    for second in range(17, 32):
        yield Subnet(parse_address(f"172.{second}.0.0"), 16)
    for third in range(0, 256, 16):
        yield Subnet(parse_address(f"192.168.{third}.0"), 20)


def choose_subnet(taken: Iterable[Subnet]) -> Subnet:
    """The first default pool that overlaps nothing in `taken` (default routes there do not count).

    Raises Unavailable when all are taken.
    """
    obstacles = [subnet for subnet in taken if subnet.prefix_length > 0]
    for pool in default_pools():
        if not any(pool.overlaps(obstacle) for obstacle in obstacles):
            return pool
    raise Unavailable(
        "all predefined address pools have been fully subnetted",
        hint="remove networks that are not used (sampan network prune), or choose a --subnet",
    )


def choose_address(subnet: Subnet, taken: Collection[int], wanted: int | None = None) -> int:
    """`wanted`, or the lowest free address; the network's own and the broadcast address are nobody's.

    Raises Conflict when `wanted` is taken, InvalidArgument when it is outside, Unavailable when none is free.
    """
    if wanted is not None:
        if not subnet.contains(wanted) or wanted in (subnet.network, subnet.last):
            raise InvalidArgument(f"no configured subnet or ip-range contain the IP address {format_address(wanted)}")
        if wanted in taken:
            raise Conflict("Address already in use", hint="choose another --ip, or none to get a free one")
        return wanted
    for address in range(subnet.network + 1, subnet.last):
        if address not in taken:
            return address
    raise Unavailable(f"no available IPv4 addresses on this network's address pools: {subnet}")


def mac_of(address: int) -> str:
    """The hardware address of an endpoint, made of its IP address: what remembers one for the other is never stale."""
    return "02:42:" + ":".join(f"{octet:02x}" for octet in address.to_bytes(4, "big"))
