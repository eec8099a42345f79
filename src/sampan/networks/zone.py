"""Which addresses a name has for a container: names of those that are in a network with it. Pure."""

from collections.abc import Sequence

from sampan.networks import dns
from sampan.values import NamedTuple


class Member(NamedTuple):
    """A container in a network. `addresses` are 4 or 16 bytes each; `names` are what it is called there, the first of
    them is told to who asks for the name of an address."""

    network: str
    addresses: tuple[bytes, ...]
    names: tuple[str, ...]


class Answer(NamedTuple):
    """What is known about a question: addresses, names, or (both empty) that there is nothing of the kind."""

    addresses: tuple[bytes, ...] = ()
    names: tuple[str, ...] = ()


class Zone:
    """All names that one container can ask for."""

    __slots__ = ("_by_address", "_by_name", "_turn")

    def __init__(self, members: Sequence[Member]) -> None:
        self._by_name: dict[str, list[bytes]] = {}
        self._by_address: dict[bytes, list[str]] = {}
        self._turn = 0
        for member in members:
            network = member.network.lower()
            for name in dict.fromkeys(name.lower() for name in member.names if name):
                self._add(name, member.addresses)
                self._add(f"{name}.{network}", member.addresses)
            for address in member.addresses:
                self._by_address.setdefault(address, []).append(f"{member.names[0]}.{member.network}")

    def _add(self, name: str, addresses: Sequence[bytes]) -> None:
        known = self._by_name.setdefault(name, [])
        known += [address for address in addresses if address not in known]

    def lookup(self, name: str, kind: int) -> Answer | None:
        """The answer to a question, None when the name is not one of ours or the kind is somebody else's to answer.

        Several addresses begin with another one each time, so that askers spread.
        """
        if kind == dns.PTR:
            address = reversed_address(name)
            names = self._by_address.get(address) if address else None
            return Answer(names=tuple(names)) if names else None
        if kind not in (dns.A, dns.AAAA) or not (known := self._by_name.get(name)):
            return None
        length = 4 if kind == dns.A else 16
        found = [address for address in known if len(address) == length]
        if not found:
            return Answer()
        self._turn += 1
        first = self._turn % len(found)
        return Answer(tuple(found[first:] + found[:first]))


def reversed_address(name: str) -> bytes | None:
    """The address in a name of in-addr.arpa or ip6.arpa, None for any other name."""
    labels = name.split(".")
    if labels[-2:] == ["in-addr", "arpa"] and len(labels) == 6:
        if all(label.isascii() and label.isdigit() and len(label) <= 3 and int(label) < 256 for label in labels[:4]):
            return bytes(int(label) for label in reversed(labels[:4]))
    elif (
        labels[-2:] == ["ip6", "arpa"]
        and len(labels) == 34
        and all(len(label) == 1 and label in "0123456789abcdef" for label in labels[:32])
    ):
        return bytes.fromhex("".join(reversed(labels[:32])))
    return None
