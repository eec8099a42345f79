"""/etc/hostname, /etc/hosts and /etc/resolv.conf of a container: files of ours, mounted over the image's."""

import os

from sampan.containers import compile as compilation
from sampan.containers.model import Container
from sampan.networks import files, resolver


def write(folder: str, container: Container, *, has_names: bool = False, joined: str = "") -> None:
    """Write the three files into the container's folder, without an address of its own.

    `has_names`: it has a name server of its own. `joined` is the folder of the container whose network it shares: the
    same names are known in both.
    """
    options = container.spec.options
    is_host = options.network == "host"
    hosts = _host_hosts() if is_host else files.hosts_text([], _names(container), _extra(container, ""))
    texts = {
        "hostname": compilation.hostname(container) + "\n",
        "hosts": hosts,
        "resolv.conf": files.resolv_conf_text(
            resolver.host_resolv_conf(),
            dns=options.dns,
            search=options.dns_search,
            options=options.dns_options,
            shares_host_network=is_host,
            own_server=files.OWN_SERVER if has_names else "",
        ),
    }
    for name in ("hosts", "resolv.conf") if joined else ():
        texts[name] = _read(f"{joined}/{name}")
    for name, text in texts.items():
        _write(f"{folder}/{name}", text)


def add_address(folder: str, container: Container, address: str, gateway: str) -> None:
    """Write the hosts file with the container's own address; the file stays the same one, it may be mounted already."""
    _write(f"{folder}/hosts", files.hosts_text([address], _names(container), _extra(container, gateway)))


def _names(container: Container) -> list[str]:
    name, domain = compilation.hostname(container), container.spec.options.domainname
    return [f"{name}.{domain}", name] if domain else [name]


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
        return file.read()
