"""`run` and `start -a` in the foreground: attach, pass signals on, wait, clean up, exit as the container did."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from sampan.containers import creation, start, store, wake, watched
from sampan.containers import model as records
from sampan.containers.options import RunOptions
from sampan.containers.streams import Streams, detach_sequence
from sampan.engine.engine import Engine
from sampan.errors import Conflict, Unavailable
from sampan.linux import process
from sampan.storage import locks
from sampan.values import NamedTuple

if TYPE_CHECKING:
    from sampan.containers.attach import Session


class Foreground(NamedTuple):
    """How to be attached. Streams that are not wanted are -1."""

    streams: Streams = Streams()
    detach_keys: str = ""
    proxy_signals: bool = True


def run(engine: Engine, options: RunOptions, how: Foreground, on_created: Callable[[str], None]) -> int:
    """Make a container, tell its id, start it attached and return its exit code. Errors as `Engine.run`."""
    record = creation.create(engine.database, engine.paths, options, lease=True)
    on_created(record.id)
    try:
        return start_attached(engine, record, how)
    except BaseException:
        left = store.get(engine.database, record.id)
        from sampan.containers import ending

        if options.remove and left is not None and not left.is_running:
            ending.remove(engine.database, engine.paths, record.id, remove_volumes=True)
        raise


def start_attached(engine: Engine, record: records.Container, how: Foreground) -> int:
    """Start a container that is not running, attached: its exit code. 0 when the user detached."""
    detach_sequence(how.detach_keys)
    start.ensure_folder(engine.paths, record.id)
    attended = locks.attend(engine.paths, record.id)
    sessions: list[Session] = []

    def connect(container: records.Container) -> None:
        sessions.append(_session(engine, container, how))
        if how.proxy_signals:
            _proxy_signals(engine, container)

    hooks = start.Hooks(connect, wake.exit_command(engine.paths, record.id, is_attended=True), _import_the_rest)
    try:
        if not start.start(engine.database, engine.paths, record.id, hooks):
            raise Conflict(f"container {record.id} is running already", hint=f"sampan attach {record.name}")
        if watched.is_watched(record):
            wake.start_supervisor(engine.paths)
        return _until_end(engine, record.id, sessions[0])
    finally:
        os.close(attended)


def _import_the_rest() -> None:
    """Done while the runtime creates the container."""
    from sampan.containers import attach, control  # noqa: F401


def attach_running(engine: Engine, record: records.Container, how: Foreground) -> int | None:
    """`attach`: join a running container; its exit code, None when the user detached. Raises Conflict."""
    detach_sequence(how.detach_keys)
    if record.status == "paused":
        raise Conflict("You cannot attach to a paused container, unpause it first")
    if not record.is_running:
        raise Conflict("You cannot attach to a stopped container, start it first")
    from sampan.containers import control

    try:
        session = _session(engine, record, how)
    except (FileNotFoundError, ConnectionRefusedError):
        if process.is_alive(record.pid, record.pid_start):
            raise Unavailable(
                f"container {record.name} has lost its monitor, which held its input and output",
                hint=f"sampan restart {record.name}",
            ) from None
        raise Conflict("You cannot attach to a stopped container, start it first") from None
    _tell(engine, record, "attach")
    if how.proxy_signals:
        _proxy_signals(engine, record)
    try:
        if not session.run():
            return None
    finally:
        session.close()
    return control.wait(engine.database, engine.paths, record.id)


def _session(engine: Engine, container: records.Container, how: Foreground) -> "Session":
    from sampan.containers import attach

    return attach.Session(
        engine.paths.sockets,
        engine.paths.container(container.id),
        container.id,
        how.streams,
        terminal=container.spec.options.tty,
        detach_keys=how.detach_keys,
        on_resized=lambda rows, columns: _tell(engine, container, "resize", height=str(rows), width=str(columns)),
    )


def _tell(engine: Engine, container: records.Container, action: str, **attributes: str) -> None:
    from sampan.containers import happenings

    happenings.note(engine.database, container, action, **attributes)


def _until_end(engine: Engine, container_id: str, session: "Session") -> int:
    try:
        if not session.run():
            return 0
    finally:
        session.close()
    from sampan.containers import control, restart

    container = store.get(engine.database, container_id)
    if container is None:
        return 137
    code = control.finish(engine.database, engine.paths, container)
    if restart.policy_of(container).name != "no":
        _leave_to_policy(engine, container_id)
    return code


def _leave_to_policy(engine: Engine, container_id: str) -> None:
    """The run that we attended is over; others may follow, which nobody attends."""
    from sampan.engine.supervision import restarting

    if restarting.ended(engine.database, engine.paths, container_id):
        wake.start_supervisor(engine.paths)


def _proxy_signals(engine: Engine, container: records.Container) -> None:
    def forward(number: int, _: object) -> None:
        from sampan.containers import control

        control.send(engine.database, container, number)

    import signal

    from sampan.containers import attach

    for number in attach.forwarded_signals():
        signal.signal(number, forward)
