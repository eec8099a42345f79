"""`ps`: rows, status, ports."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sampan.cli.format import Listing, Row, render
from sampan.cli.kinds import go_quote
from sampan.cli.output import ellipsis, human_duration, human_size
from sampan.cli.views.times import ago, created_at

_COMMAND_LENGTH = 20
_MOUNT_LENGTH = 15


class PublishedPort(NamedTuple):
    """`public` 0: exposed but not published. `ip` "" then."""

    private: int
    protocol: str = "tcp"
    public: int = 0
    ip: str = ""


class ContainerFacts(NamedTuple):
    """What `ps` shows of one container. Times in ns since the epoch, 0 = never; sizes in bytes, -1 = not asked for.

    `state` is created, running, paused, restarting, removing, exited or dead; `health` "", starting, healthy or
    unhealthy. `mounts` are names of volumes and sources of binds, `local_volumes` the number of the volumes.
    `restarts` are those that its policy made, `limits` what it may use, in words.
    """

    id: str
    name: str
    image: str
    image_id: str
    command: Sequence[str]
    created_ns: int
    state: str
    exit_code: int = 0
    started_ns: int = 0
    finished_ns: int = 0
    health: str = ""
    ports: Sequence[PublishedPort] = ()
    labels: Mapping[str, str] = {}
    mounts: Sequence[str] = ()
    local_volumes: int = 0
    networks: Sequence[str] = ()
    size_rw: int = -1
    size_root: int = 0
    restarts: int = 0
    limits: str = ""


LISTING = Listing(
    type_name="*formatter.ContainerContext",
    headers={
        "ID": "CONTAINER ID",
        "Image": "IMAGE",
        "Command": "COMMAND",
        "CreatedAt": "CREATED AT",
        "RunningFor": "CREATED",
        "Status": "STATUS",
        "State": "STATE",
        "Ports": "PORTS",
        "Names": "NAMES",
        "Size": "SIZE",
        "Labels": "LABELS",
        "Mounts": "MOUNTS",
        "LocalVolumes": "LOCAL VOLUMES",
        "Networks": "NETWORKS",
        "Platform": "PLATFORM",
        "Health": "HEALTH",
        "Restarts": "RESTARTS",
        "Limits": "LIMITS",
    },
    columns=("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"),
    raw=(
        ("container_id", "ID"),
        ("image", "Image"),
        ("command", "Command"),
        ("created_at", "CreatedAt"),
        ("state", "State"),
        ("status", "Status"),
        ("names", "Names"),
        ("labels", "Labels"),
        ("ports", "Ports"),
    ),
    json_fields=(
        "Command",
        "CreatedAt",
        "ID",
        "Image",
        "Labels",
        "LocalVolumes",
        "Mounts",
        "Names",
        "Networks",
        "Platform",
        "Ports",
        "RunningFor",
        "Size",
        "State",
        "Status",
    ),
)
COLUMNS_WITH_SIZE = (*LISTING.columns, "Size")
_ROOMY = ("Health", "Restarts", "Limits")


def with_room(rows: Sequence[Row], columns: Sequence[str], width: int) -> tuple[str, ...]:
    """`columns`, and those of health, restarts and limits that say something and fit into `width` characters."""
    chosen = tuple(columns)
    for name in _ROOMY:
        wider = (*chosen, name)
        text = render(LISTING, rows, "", wider)
        if any(row[name] for row in rows) and max(map(len, text.splitlines())) <= width:
            chosen = wider
    return chosen


def row(facts: ContainerFacts, now_ns: int, no_trunc: bool = False) -> Row:
    """The fields of one container for `LISTING`."""
    command = " ".join(_shell_word(word) for word in facts.command)
    mounts = facts.mounts if no_trunc else [ellipsis(mount, _MOUNT_LENGTH) for mount in facts.mounts]
    return {
        "ID": facts.id if no_trunc else facts.id[:12],
        "Names": facts.name,
        "Image": facts.image if no_trunc else shown_image(facts.image),
        "Command": go_quote(command if no_trunc else ellipsis(command, _COMMAND_LENGTH)),
        "CreatedAt": created_at(facts.created_ns),
        "RunningFor": ago(facts.created_ns, now_ns),
        "Ports": ports(facts.ports) if facts.state in ("running", "paused", "restarting") else "",
        "State": facts.state,
        "Status": status(facts, now_ns),
        "Size": size(facts),
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(facts.labels.items())),
        "Label": lambda key: facts.labels.get(key, ""),
        "Mounts": ",".join(mounts),
        "LocalVolumes": str(facts.local_volumes),
        "Networks": ",".join(facts.networks),
        "Platform": None,
        "Health": facts.health,
        "Restarts": str(facts.restarts or ""),
        "Limits": facts.limits,
    }


def _shell_word(word: str) -> str:
    """A word of the command, in single quotes where it has blanks."""
    return f"'{word}'" if " " in word else word


def shown_image(image: str) -> str:
    """An image that is named by its whole ID is shown by the first digits of it."""
    digest = image.removeprefix("sha256:")
    return digest[:12] if len(digest) == 64 and not set(digest) - set("0123456789abcdef") else image or "<no image>"


def size(facts: ContainerFacts) -> str:
    """What the container wrote and, in brackets, with its image."""
    if facts.size_root > 0:
        return f"{human_size(max(facts.size_rw, 0), 3)} (virtual {human_size(facts.size_root, 3)})"
    return human_size(max(facts.size_rw, 0), 3)


def status(facts: ContainerFacts, now_ns: int) -> str:
    """ "Up 5 seconds (healthy)", "Exited (3) 4 seconds ago", ..."""
    since_start = human_duration((now_ns - facts.started_ns) / 1e9)
    since_end = human_duration((now_ns - facts.finished_ns) / 1e9)
    if facts.state == "paused":
        return f"Up {since_start} (Paused)"
    if facts.state == "restarting":
        return f"Restarting ({facts.exit_code}) {since_end} ago"
    if facts.state == "running":
        health = {"": "", "none": "", "starting": " (health: starting)"}.get(facts.health, f" ({facts.health})")
        return f"Up {since_start}{health}"
    if facts.state == "removing":
        return "Removal In Progress"
    if facts.state == "dead":
        return "Dead"
    if facts.state == "created" or not (facts.started_ns or facts.finished_ns):
        return "Created"
    return f"Exited ({facts.exit_code}) {since_end} ago"


def ports(published: Iterable[PublishedPort]) -> str:
    """Ports in one line; consecutive ones that are published under their own number become ranges.

    Ranges that end before the last port come first, then the open ones in the order they began, then ports under
    another number.
    """
    ended: list[str] = []
    open_runs: dict[tuple[str, str], tuple[int, int]] = {}
    renumbered: list[str] = []
    for port in sorted(published, key=lambda port: (port.private, port.ip, port.public, port.protocol)):
        if port.public and port.public != port.private:
            renumbered.append(f"{_host(port.ip)}:{port.public}->{port.private}/{port.protocol}")
            continue
        key = (port.ip if port.public else "", port.protocol)
        run = open_runs.get(key)
        if run is None:
            open_runs[key] = (port.private, port.private)
        elif port.private == run[1] + 1:
            open_runs[key] = (run[0], port.private)
        elif port.private != run[1]:
            ended.append(_run(key, run))
            open_runs[key] = (port.private, port.private)
    return ", ".join([*ended, *(_run(key, run) for key, run in open_runs.items()), *renumbered])


def _run(key: tuple[str, str], run: tuple[int, int]) -> str:
    ip, protocol = key
    span = str(run[0]) if run[0] == run[1] else f"{run[0]}-{run[1]}"
    return f"{_host(ip)}:{span}->{span}/{protocol}" if ip else f"{span}/{protocol}"


def _host(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip
