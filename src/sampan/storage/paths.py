"""Where everything of one root lives. Every name outside the root carries a key derived from it.

<root>/state.db              images, containers, networks, volumes, build cache, leases
<root>/layers/<snapshot>/    unpacked layers, overlayfs form (whiteouts are 0/0 character devices)
<root>/recipes/<snapshot>    how the tar of a layer from elsewhere was written
<root>/containers/<id>/      upper, work, merged, config.json, log, /etc files
<root>/volumes/<name>/_data  volumes
<root>/downloads/            blobs of registries on their way; an interrupted pull goes on with them
<root>/cache-mounts/<id>/    what RUN --mount=type=cache keeps
<root>/build-contexts/       digests of context files that have not changed
<root>/tmp/                  what is being made; each entry belongs to a lease
<root>/reserve               space kept back for the day when the disk is full
/run/sampan/<key>/           sockets, locks, exit codes, runtime state; gone at reboot
"""

import os

from sampan.errors import InvalidArgument
from sampan.oci.hashing import sha256
from sampan.values import NamedTuple

DEFAULT_ROOT = "/var/lib/sampan"
DEFAULT_RUN = "/run/sampan"


class Paths(NamedTuple):
    """The folders of one root. `key` (8 hex digits) marks what belongs to it elsewhere: bridge, nft table, cgroups."""

    root: str
    run: str
    key: str

    @property
    def database(self) -> str:
        return self.root + "/state.db"

    @property
    def layers(self) -> str:
        return self.root + "/layers"

    @property
    def recipes(self) -> str:
        return self.root + "/recipes"

    @property
    def containers(self) -> str:
        return self.root + "/containers"

    @property
    def volumes(self) -> str:
        return self.root + "/volumes"

    @property
    def tmp(self) -> str:
        return self.root + "/tmp"

    @property
    def downloads(self) -> str:
        """Blobs of registries on their way (registry/partial.py); made when the first one comes."""
        return self.root + "/downloads"

    @property
    def cache_mounts(self) -> str:
        """Folders of RUN --mount=type=cache (caches.py); made when the first one comes."""
        return self.root + "/cache-mounts"

    def cache_mount(self, cache_id: str) -> str:
        return self.cache_mounts + "/" + cache_id

    @property
    def locks(self) -> str:
        return self.run + "/locks"

    @property
    def runtime(self) -> str:
        """State directory of the OCI runtime (`crun --root`)."""
        return self.run + "/runtime"

    @property
    def exits(self) -> str:
        """Where monitors tell how containers ended. In /run, not in the root: also one that filled the disk can be told
        of."""
        return self.run + "/exits"

    def exit(self, container_id: str) -> str:
        """The folder where a container's monitor writes its exit code, `exit`, and `oom` when memory ran out."""
        return self.exits + "/" + container_id

    @property
    def sockets(self) -> str:
        return self.run + "/sockets"

    @property
    def settings(self) -> str:
        """The engine's settings as they were read last."""
        return self.run + "/settings"

    @property
    def bridge(self) -> str:
        """Name of the default bridge, at most 15 bytes: sampan0 for the default root."""
        return "sampan0" if self.root == DEFAULT_ROOT else "sp" + self.key

    @property
    def firewall_table(self) -> str:
        return "sampan" if self.root == DEFAULT_ROOT else "sampan_" + self.key

    @property
    def cgroup(self) -> str:
        """Parent cgroup of this root's containers, relative to the cgroup mount."""
        return "/sampan-" + self.key

    def container(self, container_id: str) -> str:
        return self.containers + "/" + container_id

    def layer(self, snapshot_id: str) -> str:
        return self.layers + "/" + snapshot_id

    def recipe(self, snapshot_id: str) -> str:
        return self.recipes + "/" + snapshot_id


def paths_of(root: str | None = None) -> Paths:
    """The paths of `root`; None means $SAMPAN_ROOT, then /var/lib/sampan. Nothing is created.

    Raises InvalidArgument for one that is no UTF-8: it has to stand in documents.
    """
    chosen = os.path.realpath(root or os.environ.get("SAMPAN_ROOT") or DEFAULT_ROOT)
    if not _is_text(chosen):
        raise InvalidArgument(f"the root {chosen!r} is not UTF-8 text", hint="choose another folder with --root")
    key = sha256(chosen.encode()).hexdigest()[:8]
    return Paths(root=chosen, run=f"{DEFAULT_RUN}/{key}", key=key)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def create(paths: Paths) -> None:
    """Make the folders that are missing. Idempotent; raises OSError.

    What images and containers wrote is out of other users' reach: a program in a volume may be setuid root.
    """
    for folder, mode in (
        (paths.root, 0o710),
        (paths.layers, 0o700),
        (paths.recipes, 0o700),
        (paths.containers, 0o710),
        (paths.volumes, 0o700),
        (paths.tmp, 0o700),
        (DEFAULT_RUN, 0o711),
        (paths.run, 0o711),
        (paths.locks, 0o700),
        (paths.runtime, 0o700),
        (paths.exits, 0o700),
        (paths.sockets, 0o700),
    ):
        os.makedirs(folder, mode, exist_ok=True)
