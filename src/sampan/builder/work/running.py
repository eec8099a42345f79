"""RUN: the network of a stage's commands, and one command in it."""

import os
from collections.abc import Callable

from sampan.builder.plan.steps import RunCommand
from sampan.errors import Unsupported
from sampan.linux import netns
from sampan.networks import connect, files, resolver, store
from sampan.runtime import oneshot
from sampan.runtime.spec import SpecMount
from sampan.settings import sources
from sampan.settings.model import Settings
from sampan.storage import leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths

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
) -> int:
    """Run a command on the snapshots `lower`; its changes go to `snapshot_id`. Returns its exit code.

    A script of a heredoc is written to `script_path`, a name in a folder of the caller's. The engine's settings choose
    name servers, and the runtime where none is asked for. Raises as oneshot.run() does.
    """
    if action.mounts or action.is_insecure:
        raise Unsupported("RUN --mount and --security=insecure are not supported by this version of sampan")
    usual = sources.load(paths.settings).settings
    mounts: tuple[SpecMount, ...] = ()
    if action.script:
        with open(script_path, "w") as file:
            file.write(action.script)
        os.chmod(script_path, 0o755)
        mounts = (SpecMount(action.args[0], "bind", script_path, ("rbind", "rprivate", "ro")),)
    step = oneshot.Step(
        args=action.args,
        env=tuple(f"{name}={value}" for name, value in (*action.env, *action.secret_env)),
        lower=lower,
        snapshot_id=snapshot_id,
        cwd=action.cwd,
        user=action.user,
        network=network.path(action.network),
        hostname=HOSTNAME,
        hosts=files.hosts_text((), (), ((HOSTNAME, "127.0.0.1"),)),
        resolv=_resolv_conf(usual, shares_host_network=action.network == "host"),
        mounts=mounts,
    )
    return oneshot.run(paths, database, step, on_output, runtime_name=runtime or usual.runtime)


def _resolv_conf(usual: Settings, *, shares_host_network: bool) -> str:
    host = resolver.host_resolv_conf()
    if shares_host_network:
        return files.resolv_conf_text(host, shares_host_network=True)
    return files.resolv_conf_text(host, dns=usual.dns_servers, search=usual.dns_search, options=usual.dns_options)
