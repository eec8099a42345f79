"""`stats`: rows."""

from sampan.cli.format import Listing, Row
from sampan.cli.output import binary_size, human_size
from sampan.containers.statistics import Statistics

LISTING = Listing(
    type_name="*container.statsContext",
    headers={
        "Container": "CONTAINER",
        "ID": "CONTAINER ID",
        "Name": "NAME",
        "CPUPerc": "CPU %",
        "MemUsage": "MEM USAGE / LIMIT",
        "MemPerc": "MEM %",
        "NetIO": "NET I/O",
        "BlockIO": "BLOCK I/O",
        "PIDs": "PIDS",
    },
    columns=("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"),
)


def row(found: Statistics, container: str = "", *, no_trunc: bool = False) -> Row:
    """The fields of one container; `container` is what it was called on the command line."""
    short = found.record.id if no_trunc else found.record.id[:12]
    limit = found.memory_limit_bytes
    return {
        "Container": container or short,
        "ID": short,
        "Name": found.record.name,
        "CPUPerc": f"{found.cpu_percent:.2f}%",
        "MemUsage": f"{binary_size(found.memory_bytes)} / {binary_size(limit)}",
        "MemPerc": f"{100.0 * found.memory_bytes / limit if limit else 0.0:.2f}%",
        "NetIO": f"{human_size(found.received_bytes, 3)} / {human_size(found.sent_bytes, 3)}",
        "BlockIO": f"{human_size(found.read_bytes, 3)} / {human_size(found.written_bytes, 3)}",
        "PIDs": str(found.pids),
    }
