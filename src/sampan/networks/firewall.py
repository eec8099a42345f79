"""The nft tables of one root in the kernel, and accepts where the host drops what it forwards."""

from _socket import AF_INET, AF_INET6
from collections.abc import Iterable, Sequence

from sampan.linux.nfnetlink import HOOK_FORWARD, POLICY_DROP, Chain, Element, Firewall
from sampan.networks import endpoints, published, ruleset, store
from sampan.networks.ruleset import Forward
from sampan.networks.store import Network
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_DOCKER_USER = ("filter", "DOCKER-USER")
_ALL_FAMILIES = ("inet", "ip", "ip6")
_LEGACY_TABLES = "/proc/thread-self/net/ip_tables_names"


def ensure(database: Database, paths: Paths, network: Network) -> None:
    """Write the tables when one is missing, and let the network through where the host's own policy is to drop."""
    families = _ALL_FAMILIES if network.subnet6 else _ALL_FAMILIES[:2]
    with Firewall() as firewall:
        has_tables = all(firewall.has_table(family, paths.firewall_table) for family in families[1:])
        lacking = [c for c in _gates(firewall.chains(families)) if not _names(network.bridge, firewall, c)]
    if not has_tables:
        rewrite(database, paths)
    if lacking:
        from sampan.linux import nftables

        nftables.run("".join(_accept(paths, chain, network.bridge) for chain in lacking))


def _gates(chains: Iterable[Chain]) -> list[Chain]:
    """The chains where an accept helps: of each forward hook that drops by default, or DOCKER-USER in its place.

    An accept in a table of our own would not help: a packet must be accepted by every table.
    """
    every = list(chains)
    gates = [c for c in every if c.hook == HOOK_FORWARD and c.policy == POLICY_DROP]
    for docker_user in [c for c in every if (c.table, c.name) == _DOCKER_USER and c.family != "inet"]:
        place = (docker_user.family, docker_user.table)
        if any((c.family, c.table) == place for c in gates):
            gates = [c for c in gates if (c.family, c.table) != place] + [docker_user]
    return gates


def _names(bridge: str, firewall: Firewall, chain: Chain) -> bool:
    return any(_compared(bridge) in rule.body for rule in firewall.rules(chain))


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
        for chain in firewall.chains(_ALL_FAMILIES):
            if chain.hook == HOOK_FORWARD or (chain.table, chain.name) == _DOCKER_USER:
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
    """Write the whole tables as the rows say. About 30 ms, so only when networks change or one is missing."""
    from sampan.linux import nftables

    with database.transaction():
        networks = store.bridge_rules(database)
        nftables.run(ruleset.render(paths.firewall_table, networks, published.forwards(database)))
        if not any(network.subnet6 for network in networks):
            with Firewall() as firewall:
                firewall.delete_table("ip6", paths.firewall_table)


def _elements(forwards: Iterable[Forward]) -> list[Element]:
    return [Element(forward.map, forward.key, forward.value, forward.family) for forward in forwards]


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


def _forget_flows(forwards: Sequence[Forward]) -> None:
    for family in (AF_INET, AF_INET6):
        is_ipv6 = family == AF_INET6
        ports = {f.host_port for f in forwards if f.protocol == "udp" and (f.family == "ip6") == is_ipv6}
        if ports:
            from sampan.linux import conntrack

            conntrack.forget_udp(ports, family)


def is_true_to(database: Database, paths: Paths) -> bool:
    """Whether the tables' ports are those of the rows; no table is as good as one without ports."""
    wanted = set(_elements(published.forwards(database)))
    found: list[Element] = []
    with Firewall() as firewall:
        for family in ("ip", "ip6"):
            for name in (ruleset.PORTS, ruleset.BOUND_PORTS):
                try:
                    found += firewall.elements(family, paths.firewall_table, name)
                except FileNotFoundError:
                    break
    return wanted == set(found)


def is_whole(database: Database, paths: Paths) -> bool:
    """Whether the tables that connected containers need are there, each chain with its rules, and the ports."""
    networks = [network for network in store.rows(database) if endpoints.read(database, network_id=network.id)]
    families = ["ip"] if any(network.is_bridge for network in networks) else []
    families += ["ip6"] if any(network.subnet6 for network in networks) and families else []
    with Firewall() as firewall:
        ours = [c for c in firewall.chains(families) if c.table == paths.firewall_table]
        counts = {(chain.family, chain.name): len(firewall.rules(chain)) for chain in ours}
    wanted = {(family, name): n for family in families for name, n in ruleset.rule_counts(family).items()}
    return counts == wanted and is_true_to(database, paths)


def lets_through(network: Network) -> bool:
    """Whether the host's own rules let through what is forwarded to and from a bridge network."""
    families = _ALL_FAMILIES if network.subnet6 else _ALL_FAMILIES[:2]
    with Firewall() as firewall:
        return all(_names(network.bridge, firewall, chain) for chain in _gates(firewall.chains(families)))


def delete(paths: Paths) -> None:
    """Take the tables away."""
    with Firewall() as firewall:
        for family in ("ip", "ip6"):
            firewall.delete_table(family, paths.firewall_table)
