"""/etc/hostname, /etc/hosts and /etc/resolv.conf of a container: files of ours, mounted over the image's."""

import os
from collections.abc import Sequence

from sampan.containers import compile as compilation
from sampan.containers.model import Container
from sampan.networks import files, resolver

MOST = 1 << 20  # characters that are read of a file that a container may write


def write(
    folder: str,
    container: Container,
    *,
    has_names: bool = False,
    joined: str = "",
    linked: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the three files into the container's folder, without an address of its own.

    `has_names`: it has a name server of its own. `joined` is the folder of the container whose network it shares: the
    same names are known in both. `linked` are (names, address) of other containers.
    """
    options = container.spec.options
    is_host = options.network == "host"
    hosts = _host_hosts() if is_host else files.hosts_text([], _names(container), [*_extra(container, ""), *linked])
    texts = {
        "hostname": compilation.hostname(container) + "\n",
        "hosts": hosts,
        "resolv.conf": _resolv_conf(container, has_names=has_names),
    }
    for name in ("hosts", "resolv.conf") if joined else ():
        texts[name] = _read(f"{joined}/{name}")
    for name, text in texts.items():
        _write(f"{folder}/{name}", text)


def add_addresses(
    folder: str,
    container: Container,
    addresses: Sequence[str],
    gateway: str,
    linked: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the hosts file with the container's own addresses; the file stays the same one, it may be mounted
    already."""
    _write(f"{folder}/hosts", files.hosts_text(addresses, _names(container), [*_extra(container, gateway), *linked]))


def change_addresses(folder: str, container: Container, addresses: Sequence[str]) -> None:
    """Let the hosts file of a running container name these of its own addresses; other lines stay as they are, also
    those that its programs have written. One that is too large for us stays as it is."""
    text = _read(f"{folder}/hosts")
    if len(text) > MOST:
        return
    changed = files.with_own_addresses(text, addresses, _names(container), _extra(container, ""))
    if changed != text:
        _write(f"{folder}/hosts", changed)


def change_name_server(folder: str, container: Container, *, has_names: bool) -> bool:
    """Let the resolv.conf of a running container name its own name server, or not any more. Whether there was anything
    to change: a file that its programs have written stays as it is."""
    if _read(f"{folder}/resolv.conf") != _resolv_conf(container, has_names=not has_names):
        return False
    _write(f"{folder}/resolv.conf", _resolv_conf(container, has_names=has_names))
    return True


def _resolv_conf(container: Container, *, has_names: bool) -> str:
    options = container.spec.options
    return files.resolv_conf_text(
        resolver.host_resolv_conf(),
        dns=options.dns,
        search=options.dns_search,
        options=options.dns_options,
        shares_host_network=options.network == "host",
        own_server=files.OWN_SERVER if has_names else "",
    )


def _names(container: Container) -> list[str]:
    name, domain = compilation.hostname(container), container.spec.options.domainname
    if domain:
        return [f"{name}.{domain}", name]
    first = name.partition(".")[0]
    return [name] if first == name else [name, first]


def _extra(container: Container, gateway: str) -> list[tuple[str, str]]:
    """--add-host; host-gateway is the host's address in the container's network."""
    pairs = [text.partition(":") for text in container.spec.options.extra_hosts]
    return [(host, gateway if target == "host-gateway" else target) for host, _, target in pairs]


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(fd, 0o644)
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _host_hosts() -> str:
    return _read("/etc/hosts")


def _read(path: str) -> str:
    with open(path, errors="replace") as file:
        return file.read(MOST + 1)
