"""The nft table of one root in the kernel, and accepts where the host drops what it forwards."""

from collections.abc import Iterable, Sequence

from sampan.linux.nfnetlink import HOOK_FORWARD, POLICY_DROP, Chain, Element, Firewall
from sampan.networks import ruleset, store
from sampan.networks.ruleset import Forward
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_DOCKER_USER = ("ip", "filter", "DOCKER-USER")
_LEGACY_TABLES = "/proc/thread-self/net/ip_tables_names"


def ensure(database: Database, paths: Paths, bridges: Sequence[str]) -> None:
    """Write the table when it is missing, and let `bridges` through where the host's own policy is to drop."""
    with Firewall() as firewall:
        has_table = firewall.has_table("ip", paths.firewall_table)
        lacking = [
            (chain, bridge) for chain in _gates(firewall.chains()) for bridge in _not_named(bridges, firewall, chain)
        ]
    if not has_table:
        rewrite(database, paths)
    if lacking:
        from sampan.linux import nftables

        nftables.run("".join(_accept(paths, chain, bridge) for chain, bridge in lacking))


def _gates(chains: Iterable[Chain]) -> list[Chain]:
    """The chains where an accept helps: of each forward hook that drops by default, or DOCKER-USER in its place.

    An accept in a table of our own would not help: a packet must be accepted by every table.
    """
    every = list(chains)
    gates = [c for c in every if c.hook == HOOK_FORWARD and c.policy == POLICY_DROP]
    docker_user = [c for c in every if (c.family, c.table, c.name) == _DOCKER_USER]
    if docker_user and any((c.family, c.table) == _DOCKER_USER[:2] for c in gates):
        gates = [c for c in gates if (c.family, c.table) != _DOCKER_USER[:2]] + docker_user
    return gates


def _not_named(bridges: Sequence[str], firewall: Firewall, chain: Chain) -> list[str]:
    rules = firewall.rules(chain)
    return [bridge for bridge in bridges if not any(_compared(bridge) in rule.body for rule in rules)]


def _compared(bridge: str) -> bytes:
    """An interface's name as a rule that compares it holds it: with its NUL, or padded to the register."""
    return bridge.encode() + b"\0"


def _accept(paths: Paths, chain: Chain, bridge: str) -> str:
    where = f"insert rule {chain.family} {chain.table} {chain.name}"
    comment = f'comment "sampan {paths.key}"'
    return "".join(f'{where} {side} "{bridge}" counter accept {comment}\n' for side in ("iifname", "oifname"))


def withdraw(bridges: Sequence[str]) -> None:
    """Take back the accepts for `bridges`, wherever they stand."""
    with Firewall() as firewall:
        for chain in firewall.chains():
            if chain.hook == HOOK_FORWARD or (chain.family, chain.table, chain.name) == _DOCKER_USER:
                ours = [r for r in firewall.rules(chain) if any(_compared(bridge) in r.body for bridge in bridges)]
                if ours and not chain.table.startswith("sampan"):
                    firewall.delete_rules(chain, ours)
    _legacy(bridges, insert=False)


def ensure_legacy(bridges: Sequence[str]) -> None:
    """The accepts on a host whose rules are not in nf_tables (iptables-legacy); looked at when a bridge is made."""
    _legacy(bridges, insert=True)


def _legacy(bridges: Sequence[str], *, insert: bool) -> None:
    try:
        with open(_LEGACY_TABLES) as file:
            tables = file.read().split()
    except FileNotFoundError:
        return
    if "filter" not in tables:
        return
    from sampan.linux import process

    listing = process.run(["iptables-legacy", "-w", "-S"])[1]
    if insert and "-P FORWARD DROP" not in listing:
        return
    chain = "DOCKER-USER" if "-N DOCKER-USER" in listing else "FORWARD"
    for bridge in bridges:
        for side in ("-i", "-o"):
            rule = [chain, side, bridge, "-j", "ACCEPT"]
            is_there = f"-A {' '.join(rule)}" in listing.splitlines()
            if insert != is_there:
                process.run(["iptables-legacy", "-w", "-I" if insert else "-D", *rule])


def rewrite(database: Database, paths: Paths) -> None:
    """Write the whole table as the rows say. About 30 ms, so only when networks change or it is missing."""
    from sampan.linux import nftables

    with database.transaction():
        script = ruleset.render(paths.firewall_table, store.bridge_rules(database), store.forwards(database))
        nftables.run(script)


def _elements(forwards: Iterable[Forward]) -> list[Element]:
    return [Element(forward.map, forward.key, forward.value) for forward in forwards]


def add(database: Database, paths: Paths, forwards: Sequence[Forward]) -> None:
    """Let published ports lead to their container; inside the transaction that has inserted their rows."""
    with Firewall() as firewall:
        try:
            firewall.add_elements(paths.firewall_table, _elements(forwards))
        except FileNotFoundError:
            rewrite(database, paths)
    _forget_flows(forwards)


def remove(paths: Paths, forwards: Sequence[Forward]) -> None:
    """The contrary of add; inside the transaction that deletes the rows."""
    with Firewall() as firewall:
        firewall.delete_elements(paths.firewall_table, _elements(forwards))
    _forget_flows(forwards)


def _forget_flows(forwards: Iterable[Forward]) -> None:
    ports = {forward.host_port for forward in forwards if forward.protocol == "udp"}
    if ports:
        from sampan.linux import conntrack

        conntrack.forget_udp(ports)


def is_true_to(database: Database, paths: Paths) -> bool:
    """Whether the table's ports are those of the rows; no table is as good as one without ports."""
    wanted = set(_elements(store.forwards(database)))
    with Firewall() as firewall:
        try:
            found = [firewall.elements(paths.firewall_table, name) for name in (ruleset.PORTS, ruleset.BOUND_PORTS)]
        except FileNotFoundError:
            return not wanted
    return wanted == set(found[0] + found[1])


def delete(paths: Paths) -> None:
    """Take the table away."""
    with Firewall() as firewall:
        firewall.delete_table("ip", paths.firewall_table)
