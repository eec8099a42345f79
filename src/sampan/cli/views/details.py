"""`port` and `top`: lines about one container."""

from collections.abc import Iterable, Sequence

from sampan.cli.errors import ClientError
from sampan.cli.kinds import read_uint16
from sampan.cli.views.containers import PublishedPort

_TOP_WIDTH = 20


def port_lines(ports: Iterable[PublishedPort]) -> str:
    """Every published port, by number, protocol and address: "80/tcp -> 0.0.0.0:8080"."""
    published = sorted((port for port in ports if port.public), key=lambda port: (port.private, port.protocol))
    return "".join(f"{port.private}/{port.protocol} -> {_address(port)}\n" for port in published)


def port_addresses(ports: Iterable[PublishedPort], wanted: str, container: str) -> str:
    """Where one port, "80" or "53/udp", is published. Raises ClientError when it is not."""
    number, _, protocol = wanted.partition("/")
    try:
        read_uint16(number)
    except ValueError as problem:
        raise ClientError(f"Error: invalid port ({number}): {problem}") from None
    found = [
        port for port in ports if port.public and str(port.private) == number and port.protocol == (protocol or "tcp")
    ]
    if not found:
        raise ClientError(f"Error: No public port '{wanted}' published for {container}")
    return "".join(f"{_address(port)}\n" for port in found)


def _address(port: PublishedPort) -> str:
    return f"[{port.ip}]:{port.public}" if ":" in port.ip else f"{port.ip}:{port.public}"


def process_table(titles: Sequence[str], processes: Iterable[Sequence[str]]) -> str:
    """`top`: columns of at least 20 characters; the last one is as long as it is."""
    rows = [list(titles), *(list(process) for process in processes)]
    widths = [max(_TOP_WIDTH, *(len(row[column]) + 3 for row in rows)) for column in range(len(titles) - 1)]
    lines = ("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1] for row in rows)
    return "".join(line + "\n" for line in lines)
