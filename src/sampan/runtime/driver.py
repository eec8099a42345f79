"""The OCI runtime's verbs after `create`. Where crun's own protocol is simple it is spoken directly: a process less."""

import os
from collections.abc import Sequence

from sampan.errors import StartFailed, Unavailable
from sampan.linux import cgroup, process
from sampan.runtime.probe import Program

_MAKERS = ("conmon", "crun", "runc")
_SIGKILL = 9
_KILLED_SECONDS = 5.0


def start(runtime: Program, runtime_root: str, container_id: str) -> None:
    """Let a created container run. Raises StartFailed or, when it was deleted meanwhile, FileNotFoundError."""
    if runtime.is_crun:
        # `crun start` is just this: its container waits in a read of the fifo.
        fifo = f"{runtime_root}/{container_id}/exec.fifo"
        fd = os.open(fifo, os.O_WRONLY | os.O_CLOEXEC)
        os.unlink(fifo)
        os.write(fd, b"0")
        os.close(fd)
        return
    code = call(runtime, runtime_root, ("start", container_id))
    if code != 0:
        raise StartFailed(f"{runtime.name} start failed with exit code {code}", exit_code=125)


def delete(runtime: Program, runtime_root: str, container_id: str, cgroups_path: str) -> None:
    """Forget a container that has ended or never started; what still runs in its cgroup is killed. Idempotent."""
    cgroup.end(cgroups_path)
    state = f"{runtime_root}/{container_id}"
    if not runtime.is_crun and os.path.isdir(state):
        call(runtime, runtime_root, ("delete", "--force", container_id))
    try:
        for name in os.listdir(state):
            os.unlink(f"{state}/{name}")
        os.rmdir(state)
    except FileNotFoundError:
        return


def is_waiting(runtime_root: str, container_id: str, pid: int) -> bool:
    """Whether a container's first process `pid` still waits to be let run: it holds the fifo that tells it."""
    fifo = f"{runtime_root}/{container_id}/exec.fifo"
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{name}").startswith(fifo) for name in os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return False


def abandon(runtime: Program, runtime_root: str, container_id: str, cgroups_path: str) -> None:
    """Take back a container whose maker was killed: its monitor and a runtime that is still creating it end first."""
    # A runtime that is killed may have made a process just before: look again until there is none.
    makers = {*_MAKERS, os.path.basename(runtime.path)}
    while left := process.with_argument(container_id, makers):
        for pid, started in left:
            send_signal(pid, _SIGKILL)
            process.wait_gone(pid, started, _KILLED_SECONDS)
    delete(runtime, runtime_root, container_id, cgroups_path)


def update(runtime: Program, runtime_root: str, container_id: str, resources: str) -> None:
    """Give a running container the limits in the file `resources`, an object as `linux.resources`.

    Raises Unavailable with the runtime's reason.
    """
    command = [runtime.path, "--root", runtime_root, "update", "--resources", resources, container_id]
    code, out, err = process.run(command)
    if code != 0:
        from sampan.runtime import failures

        reason = failures.plain(err or out)
        raise Unavailable(f"{runtime.name} did not terminate successfully: exit status {code}: {reason}")


def call(runtime: Program, runtime_root: str, arguments: Sequence[str], *, quiet: bool = False) -> int:
    """Run one verb of the runtime with our stdio (`quiet`: with none) and return its exit code."""
    command = [runtime.path, "--root", runtime_root, *arguments]
    actions = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in range(3)] if quiet else []
    pid = os.posix_spawn(runtime.path, command, dict(os.environ), file_actions=actions)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def send_signal(pid: int, number: int) -> bool:
    """Send a signal to a container's first process; False when it has ended."""
    import signal

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True
