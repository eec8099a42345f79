"""RUN: the network of a stage's commands, and one command in it."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sampan.builder.plan.steps import RunCommand
from sampan.linux import netns
from sampan.networks import connect, files, resolver, store
from sampan.runtime import oneshot
from sampan.runtime.spec import Rlimit, SpecMount
from sampan.settings import sources
from sampan.settings.model import Settings
from sampan.storage import leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths

if TYPE_CHECKING:
    from sampan.builder.mounts.staging import Mounts

HOSTNAME = "buildkitsandbox"


class StageNetwork:
    """The network namespace that a stage's RUNs have in common, made when the first of them needs it."""

    def __init__(self, database: Database, paths: Paths) -> None:
        self._database, self._paths = database, paths
        self._id = ""
        self._fd = -1

    def path(self, mode: str) -> str:
        """What a RUN with the network `mode` (default, none, host) is given."""
        if mode == "host":
            return "host"
        if mode == "none":
            return "private"
        if self._fd < 0:
            self._connect()
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    def addressed(self, hosts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Entries of /etc/hosts; "host-gateway" is the host's address in the default network."""
        if not any(address == "host-gateway" for _, address in hosts):
            return list(hosts)
        gateway = store.find(self._database, self._paths, "default").gateway
        return [(name, gateway if address == "host-gateway" else address) for name, address in hosts]

    def _connect(self) -> None:
        self._id = os.urandom(32).hex()
        # An endpoint of a container that is being made is left alone; one whose lease is void is freed.
        leases.take(self._database, f"container:{self._id}")
        self._fd = netns.create()
        network = store.find(self._database, self._paths, "default")
        connect.connect(self._database, self._paths, network, self._id, self._fd)

    def close(self) -> None:
        if self._id:
            connect.disconnect(self._database, self._paths, self._id)
            leases.release(self._database, f"container:{self._id}")
        if self._fd >= 0:
            os.close(self._fd)
        self._id, self._fd = "", -1


def run(
    paths: Paths,
    database: Database,
    action: RunCommand,
    *,
    lower: tuple[str, ...],
    snapshot_id: str,
    network: StageNetwork,
    script_path: str,
    on_output: Callable[[int, bytes], None],
    runtime: str = "",
    mounts: "Mounts | None" = None,
    is_terminal: bool = False,
) -> int:
    """Run a command on the snapshots `lower`; its changes go to `snapshot_id`. Returns its exit code. With
    `is_terminal` it has our terminal.

    A script of a heredoc is written to `script_path`, a name in a folder of the caller's. The engine's settings choose
    name servers, and the runtime where none is asked for. Raises as oneshot.run() does.
    """
    usual = sources.load(paths.settings).settings
    scripts = (_script(action, script_path),) if action.script else ()
    hostname = action.hostname or HOSTNAME
    given = mounts.env if mounts is not None else ()
    step = oneshot.Step(
        args=action.args,
        env=tuple(f"{name}={value}" for name, value in (*action.env, *given, *action.secret_env)),
        lower=lower,
        snapshot_id=snapshot_id,
        cwd=action.cwd,
        user=action.user,
        network=network.path(action.network),
        hostname=hostname,
        hosts=_hosts(hostname, network.addressed(action.hosts)),
        resolv=_resolv_conf(usual, shares_host_network=action.network == "host"),
        destinations=mounts.destinations if mounts is not None else (),
        stage=(lambda folder: (*scripts, *mounts.stage(folder))) if mounts is not None else lambda folder: scripts,
        is_confidential=mounts is not None and mounts.is_confidential,
        rlimits=tuple(Rlimit(name, soft, hard) for name, soft, hard in action.ulimits),
        shm_size=action.shm_bytes or oneshot.SHM_BYTES,
        cgroup_parent=action.cgroup_parent.rstrip("/"),
        is_terminal=is_terminal,
    )
    if action.is_insecure:
        step = _insecure(step)
    return oneshot.run(paths, database, step, on_output, runtime_name=runtime or usual.runtime)


def _script(action: RunCommand, path: str) -> SpecMount:
    with open(path, "w") as file:
        file.write(action.script)
    os.chmod(path, 0o755)
    return SpecMount(action.args[-1], "bind", path, ("rbind", "rprivate", "ro"))


def _insecure(step: oneshot.Step) -> oneshot.Step:
    """What RUN --security=insecure gives: all capabilities and devices that the host has, no filter, nothing masked."""
    from sampan.runtime import hostdevices

    return step._replace(
        is_privileged=True,
        capabilities=tuple(hostdevices.available_capabilities()),
        devices=tuple(hostdevices.walk("/dev")),
    )


def _hosts(hostname: str, extra: Sequence[tuple[str, str]]) -> str:
    """As BuildKit writes it."""
    lines = "".join(f"{address}\t{name}\n" for name, address in extra)
    return f"127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n{lines}"


def _resolv_conf(usual: Settings, *, shares_host_network: bool) -> str:
    host = resolver.host_resolv_conf()
    if shares_host_network:
        return files.resolv_conf_text(host, shares_host_network=True)
    return files.resolv_conf_text(host, dns=usual.dns_servers, search=usual.dns_search, options=usual.dns_options)
