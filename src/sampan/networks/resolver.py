"""The host's resolv.conf."""

from sampan.networks.files import RESOLVED_PATH, names_resolved_stub


def host_resolv_conf() -> str:
    """The host's resolv.conf, or systemd-resolved's own where the usual one names only that; "" without any."""
    text = _read("/etc/resolv.conf")
    if names_resolved_stub(text):
        return _read(RESOLVED_PATH) or text
    return text


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read(1 << 20)
    except FileNotFoundError:
        return ""
