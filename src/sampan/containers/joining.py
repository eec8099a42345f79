"""Namespaces of other containers or of the host: --pid, --ipc, --uts, --network container:X."""

from typing import Any

from sampan.containers import store
from sampan.containers.model import Container
from sampan.containers.options import RunOptions
from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_NAMES = {"pid": "PID", "ipc": "IPC", "uts": "UTS", "net": "network"}


def namespace(database: Database, text: str, kind: str) -> str:
    """Path of a namespace of the running container `text`. Raises NotFound or Conflict in Docker's words."""
    try:
        container = store.find(database, text)
    except NotFound as error:
        if kind == "net":
            raise NotFound(f"joining network namespace of container: {error.message}", hint=error.hint) from error
        raise
    if not container.is_running:
        if kind == "net":
            raise Conflict(
                "cannot join network namespace of a non running container:"
                f" container {container.name} is {container.status}",
                hint=f"sampan start {container.name}",
            )
        raise Conflict(f"failed to join {_NAMES[kind]} namespace: container {container.id} is not running")
    return f"/proc/{container.pid}/ns/{kind}"


def folder(database: Database, paths: Paths, text: str) -> str:
    """The folder of the container `text`. Raises NotFound."""
    return paths.container(store.find(database, text).id)


def by_id(database: Database, options: RunOptions) -> RunOptions:
    """`options` with containers whose namespaces are joined named by id, so that a rename changes nothing. Raises
    NotFound; of a network it is told when the container starts."""
    found: dict[str, Any] = {}
    for field in ("pid_mode", "ipc_mode", "network"):
        kind, _, name = getattr(options, field).partition(":")
        if kind != "container" or not name:
            continue
        try:
            found[field] = f"container:{store.find(database, name).id}"
        except NotFound:
            if field != "network":
                raise
    return options._replace(**found)


def with_host_name(database: Database, container: Container) -> Container:
    """The container with the host name of the one whose network it shares, as its address and hosts file are that
    one's too."""
    options = container.spec.options
    kind, _, name = options.network.partition(":")
    if kind != "container" or options.uts_mode == "host":
        return container
    try:
        donor = with_host_name(database, store.find(database, name))
    except NotFound:
        return container  # to be told when it is joined
    options = options._replace(hostname=donor.spec.options.hostname or donor.id[:12])
    return container._replace(spec=container.spec._replace(options=options))


def namespaces(database: Database, options: RunOptions) -> dict[str, str]:
    """pid, ipc and uts as "private", "host" or a path. Raises InvalidArgument, NotFound, Conflict."""
    wishes = {"pid": options.pid_mode, "ipc": options.ipc_mode, "uts": options.uts_mode}
    return {kind: _wish(database, kind, wish) for kind, wish in wishes.items()}


def _wish(database: Database, kind: str, wish: str) -> str:
    if wish in ("", "private", "shareable", "none"):
        return "private"
    if wish == "host":
        return "host"
    word, separator, name = wish.partition(":")
    if word != "container" or not separator:
        raise InvalidArgument(f"invalid {_NAMES[kind]} mode: {wish}")
    if kind == "ipc":
        return _ipc(database, name)
    return namespace(database, name, kind)


def _ipc(database: Database, name: str) -> str:
    """Another container's IPC namespace, or the host's, which it may have itself. Raises NotFound, Conflict."""
    if not name:
        raise InvalidArgument('failed to join IPC namespace: invalid name or ID supplied: ""')
    path = namespace(database, name, "ipc")
    donor = store.find(database, name)
    mode = donor.spec.options.ipc_mode
    if mode in ("", "private", "none"):
        raise Conflict(
            f"failed to join IPC namespace: container {donor.id}: non-shareable IPC"
            " (hint: use IpcMode:shareable for the donor container)",
            hint=f"make {donor.name} with --ipc shareable",
        )
    return "host" if mode == "host" else path
