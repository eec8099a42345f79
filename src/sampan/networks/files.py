"""/etc/hosts and /etc/resolv.conf of a container, as text. Pure."""

from collections.abc import Sequence

FALLBACK_NAMESERVERS = ("8.8.8.8", "8.8.4.4")
OWN_SERVER = "127.0.0.11"
"""The address of a container's own name server, as in Docker."""
# Where systemd-resolved keeps the real name servers when /etc/resolv.conf names only itself.
RESOLVED_PATH = "/run/systemd/resolve/resolv.conf"
_LOCAL_HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def hosts_text(addresses: Sequence[str], names: Sequence[str], extra: Sequence[tuple[str, str]] = ()) -> str:
    """The hosts file: the fixed part, `extra` as (name, address), then each own address with all own names."""
    lines = [f"{address}\t{name}\n" for name, address in extra]
    lines += [f"{address}\t{' '.join(names)}\n" for address in addresses if names]
    return _LOCAL_HOSTS + "".join(lines)


def with_own_addresses(
    text: str, addresses: Sequence[str], names: Sequence[str], extra: Sequence[tuple[str, str]] = ()
) -> str:
    """A hosts file in which a container's own names have just these addresses besides what `extra` says; every other
    line stays as it is."""
    kept, missing = list[str](), list(addresses)
    for line in text.splitlines(keepends=True):
        address, *called = line.split() or [""]
        is_own = called == list(names) and not is_loopback(address)
        if is_own and address in missing:
            missing.remove(address)
        elif is_own and (names[-1], address) not in extra:
            continue
        kept.append(line)
    if kept and not kept[-1].endswith("\n"):
        kept.append("\n")
    return "".join(kept) + "".join(f"{address}\t{' '.join(names)}\n" for address in missing)


def names_resolved_stub(host_text: str) -> bool:
    """Whether the host's resolv.conf names systemd-resolved's 127.0.0.53 and nothing else; RESOLVED_PATH knows more."""
    return _values(host_text, "nameserver") == ["127.0.0.53"]


def resolv_conf_text(
    host_text: str,
    *,
    dns: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
    shares_host_network: bool = False,
    own_server: str = "",
) -> str:
    """The resolv.conf made from the host's, each part replaced by what was asked for; a search of "." means none.

    A name server on the host's loopback is nobody's in a network namespace of its own: it is left out, and when none
    remains Docker's choice stands in. `own_server` is the container's own name server: it alone is named, and asks
    the others, also those of the host's loopback. Names without a dot are then asked as they are (ndots:0).
    """
    if own_server:
        servers = [own_server]
    elif dns or shares_host_network:
        servers = list(dns) or name_servers(host_text)
    else:
        servers = [s for s in name_servers(host_text) if not is_loopback(s)] or list(FALLBACK_NAMESERVERS)
    domains = list(search) or [w for line in _values(host_text, "search")[-1:] for w in line.split()]
    if search and list(search) == ["."]:
        domains = []
    chosen = list(options) or [w for line in _values(host_text, "options") for w in line.split()]
    if own_server and not any(option.startswith("ndots:") for option in chosen):
        chosen.append("ndots:0")
    lines = ["# Made by sampan from the /etc/resolv.conf of the host and the options of the container."]
    lines += [f"nameserver {server}" for server in servers]
    lines += [f"search {' '.join(domains)}"] if domains else []
    lines += [f"options {' '.join(chosen)}"] if chosen else []
    if own_server:
        lines.append(f"# ExtServers: [{' '.join(dns or name_servers(host_text))}]")
    return "\n".join(lines) + "\n"


def name_servers(text: str, *, needs_any: bool = False) -> list[str]:
    """The name servers of a resolv.conf; with `needs_any` Docker's choice when it names none."""
    found = _values(text, "nameserver")
    return found or (list(FALLBACK_NAMESERVERS) if needs_any else [])


def _values(text: str, keyword: str) -> list[str]:
    found = []
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split(maxsplit=1)
        if len(words) == 2 and words[0] == keyword:
            found.append(words[1].strip())
    return found


def is_loopback(server: str) -> bool:
    """Whether a name server is only where it is asked from."""
    return server.startswith("127.") or server == "::1"
