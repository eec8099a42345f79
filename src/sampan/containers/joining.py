"""Namespaces of other containers or of the host: --pid, --ipc, --uts, --network container:X."""

from sampan.containers import store
from sampan.containers.options import RunOptions
from sampan.errors import Conflict, InvalidArgument, NotFound, Unsupported
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
    path = namespace(database, name, kind)
    if kind == "ipc":
        raise Unsupported(
            "--ipc container: is not supported by this version of sampan: the containers would not share /dev/shm",
            hint="share a folder or a volume, or --ipc host",
        )
    return path
