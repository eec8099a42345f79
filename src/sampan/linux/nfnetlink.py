"""nf_tables over raw netlink: elements of sets and maps, and questions about what is there.

Rules are text and go through libnftables (nftables.py); this is the part that a container's start and end need.
"""

import os
import struct
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_DGRAM, SOL_SOCKET, socketpair
from collections.abc import Sequence

from sampan.linux.netlink import (
    NETLINK_NETFILTER,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    Message,
    Netlink,
    attribute,
    attributes,
    nested,
    text,
)
from sampan.values import NamedTuple

FAMILIES = {"inet": 1, "ip": 2, "ip6": 10}
HOOK_FORWARD, POLICY_DROP = 2, 0
_NFTABLES, _BATCH_BEGIN, _BATCH_END = 10, 0x10, 0x11
_GETTABLE, _DELTABLE, _GETCHAIN, _GETRULE, _DELRULE, _NEWSETELEM, _GETSETELEM, _DELSETELEM = 1, 2, 4, 7, 8, 12, 13, 14
_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY, _HOOK_NUMBER = 1, 3, 4, 5, 1
_RULE_CHAIN, _RULE_HANDLE = 2, 3
_SET, _ELEMENTS, _LIST_ELEM, _KEY, _DATA, _VALUE = 2, 3, 1, 1, 2, 1
_GENERIC = struct.Struct("!BBH")


class Element(NamedTuple):
    """An entry of a map: key and value as registers, each part of a concatenation padded to four bytes."""

    map: str
    key: bytes
    value: bytes
    family: str = "ip"


class Chain(NamedTuple):
    """`hook` is -1 for a chain that only others jump to; `policy` is 0 for drop."""

    family: str
    table: str
    name: str
    hook: int
    policy: int


class Rule(NamedTuple):
    handle: bytes
    body: bytes  # all its attributes as the kernel sent them


class Firewall:
    """A connection to nf_tables in the network namespace of the thread that made it."""

    __slots__ = ("_netlink",)

    def __init__(self) -> None:
        self._netlink = Netlink(NETLINK_NETFILTER)

    def __enter__(self) -> "Firewall":
        return self

    def __exit__(self, *_: object) -> None:
        close_elsewhere(self._netlink)

    def has_table(self, family: str, table: str) -> bool:
        try:
            return bool(self._netlink.request(_message(_GETTABLE, family, text(_TABLE, table))))
        except FileNotFoundError:
            return False

    def delete_table(self, family: str, table: str) -> None:
        """Delete a table and all in it; nothing happens when it is not there."""
        try:
            self._commit([_message(_DELTABLE, family, text(_TABLE, table), NLM_F_ACK)])
        except FileNotFoundError:
            return

    def chains(self, families: Sequence[str]) -> list[Chain]:
        """All chains of some families."""
        found = []
        for family in families:
            for reply in self._netlink.request(_message(_GETCHAIN, family, b"", NLM_F_DUMP)):
                values = dict(attributes(reply.body[_GENERIC.size :]))
                hook = dict(attributes(values.get(_CHAIN_HOOK, b""))).get(_HOOK_NUMBER)
                policy = values.get(_CHAIN_POLICY)
                found.append(
                    Chain(
                        family,
                        _text(values.get(_TABLE, b"")),
                        _text(values.get(_CHAIN_NAME, b"")),
                        -1 if hook is None else int.from_bytes(hook, "big"),
                        -1 if policy is None else int.from_bytes(policy, "big"),
                    )
                )
        return found

    def rules(self, chain: Chain) -> list[Rule]:
        wanted = text(_TABLE, chain.table) + text(_RULE_CHAIN, chain.name)
        found = []
        for reply in self._netlink.request(_message(_GETRULE, chain.family, wanted, NLM_F_DUMP)):
            body = reply.body[_GENERIC.size :]
            values = dict(attributes(body))
            # A kernel that does not filter dumps sends the rules of every chain.
            if _text(values.get(_TABLE, b"")) == chain.table and _text(values.get(_RULE_CHAIN, b"")) == chain.name:
                found.append(Rule(values[_RULE_HANDLE], body))
        return found

    def delete_rules(self, chain: Chain, rules: Sequence[Rule]) -> None:
        """Raises OSError (ENOENT when one is gone; then all stay)."""
        where = text(_TABLE, chain.table) + text(_RULE_CHAIN, chain.name)
        self._commit(
            [_message(_DELRULE, chain.family, where + attribute(_RULE_HANDLE, r.handle), NLM_F_ACK) for r in rules]
        )

    def elements(self, family: str, table: str, name: str) -> list[Element]:
        """All entries of a map. Raises OSError (ENOENT)."""
        found = []
        wanted = text(_TABLE, table) + text(_SET, name)
        for reply in self._netlink.request(_message(_GETSETELEM, family, wanted, NLM_F_DUMP)):
            entries = dict(attributes(reply.body[_GENERIC.size :])).get(_ELEMENTS, b"")
            for _, entry in attributes(entries):
                values = dict(attributes(entry))
                key = dict(attributes(values.get(_KEY, b""))).get(_VALUE, b"")
                value = dict(attributes(values.get(_DATA, b""))).get(_VALUE, b"")
                found.append(Element(name, key, value, family))
        return found

    def add_elements(self, table: str, elements: Sequence[Element]) -> None:
        """Put entries into maps of a table, all or none. What another value has for a key is replaced.

        Raises OSError (ENOENT when table or map is missing).
        """
        additions = [_element(_NEWSETELEM, table, e, NLM_F_ACK | NLM_F_CREATE) for e in elements]
        try:
            self._commit(additions)
        except FileExistsError:
            self.delete_elements(table, elements)
            self._commit(additions)

    def delete_elements(self, table: str, elements: Sequence[Element]) -> None:
        """Remove entries by their keys; those that are not there, or whose table is not, are passed over."""
        try:
            self._commit([_element(_DELSETELEM, table, e, NLM_F_ACK) for e in elements])
        except FileNotFoundError:
            if len(elements) > 1:
                for element in elements:
                    self.delete_elements(table, [element])

    def _commit(self, messages: list[Message]) -> None:
        marker = _GENERIC.pack(0, 0, _NFTABLES)
        self._netlink.send([Message(_BATCH_BEGIN, 0, marker), *messages, Message(_BATCH_END, 0, marker)])


def close_elsewhere(netlink: Netlink) -> None:
    """Close a firewall connection without waiting.

    The kernel, when the last descriptor of such a socket goes, waits until everything deleted lately, by anybody, is
    freed: an RCU grace period, 11 ms. So the last one is left to a kernel thread: it travels in a message to a socket
    that lies in that message itself, and once both are closed here, only the collector of such loops can reach them.
    """
    here, loop = socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
    fd = netlink.detach()
    try:
        here.sendmsg([b"\0"], [(SOL_SOCKET, SCM_RIGHTS, struct.pack("=2i", fd, loop.fileno()))])
    finally:
        os.close(fd)
        here.close()
        loop.close()


def _message(kind: int, family: str, body: bytes, flags: int = 0) -> Message:
    return Message(_NFTABLES << 8 | kind, flags, _GENERIC.pack(FAMILIES[family], 0, 0) + body)


def _element(kind: int, table: str, element: Element, flags: int) -> Message:
    entry = nested(_KEY, attribute(_VALUE, element.key))
    if kind == _NEWSETELEM:
        entry += nested(_DATA, attribute(_VALUE, element.value))
    entries = nested(_ELEMENTS, nested(_LIST_ELEM, entry))
    return _message(kind, element.family, text(_TABLE, table) + text(_SET, element.map) + entries, flags)


def _text(payload: bytes) -> str:
    return payload.rstrip(b"\0").decode(errors="replace")
