"""Messages that make interfaces, for what not every kernel has."""

import struct
from collections.abc import Sequence
from typing import cast

from sampan.linux import links
from sampan.linux.netlink import Message, Netlink, attributes

LINK_HEADER = 16
NAME, PARENT, LINK_INFO, NAMESPACE, ADDRESS, KIND, DATA = 3, 5, 18, 28, 1, 1, 2


class Wire:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, messages: Sequence[Message]) -> None:
        self.sent += messages


def made(kind: str, mode: int) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """The attributes of the one message, and those of its link information."""
    wire = Wire()
    links.create_on_parent(
        cast(Netlink, wire), "eth1", kind=kind, mode=mode, parent=7, mac="02:42:0a:00:00:02", namespace_fd=9, mtu=1400
    )
    (message,) = wire.sent
    outer = dict(attributes(message.body[LINK_HEADER:]))
    return outer, dict(attributes(outer[LINK_INFO]))


def test_an_ipvlan_shares_its_parent_and_its_hardware_address() -> None:
    outer, information = made("ipvlan", 0)
    assert (outer[NAME], struct.unpack("=I", outer[PARENT])) == (b"eth1\0", (7,))
    assert struct.unpack("=I", outer[NAMESPACE]) == (9,)
    assert ADDRESS not in outer
    assert information[KIND] == b"ipvlan"
    assert dict(attributes(information[DATA])) == {1: struct.pack("=H", 0)}


def test_a_macvlan_has_a_hardware_address_of_its_own() -> None:
    outer, information = made("macvlan", 4)
    assert outer[ADDRESS].hex(":") == "02:42:0a:00:00:02"
    assert information[KIND] == b"macvlan"
    assert dict(attributes(information[DATA])) == {1: struct.pack("=I", 4)}
