"""Commands that start a sampan process from outside of one: the monitor's exit command, and the supervisor."""

import os
import struct
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOL_SOCKET, socket

from sampan.linux import fault, process
from sampan.runtime import probe
from sampan.storage import locks
from sampan.storage.paths import Paths
from sampan.values import NamedTuple


class Gift(NamedTuple):
    """The sockets of a container's name server (UDP, TCP), for the supervisor. Who has it closes them."""

    container_id: str
    descriptors: tuple[int, int]

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


def supervisor_command(paths: Paths, *words: str) -> tuple[str, ...]:
    """The command line of one of the supervisor's jobs (`sampan.supervisor`)."""
    return (sys.executable, "-I", "-m", "sampan.supervisor", "--root", paths.root, *words)


def exit_command(paths: Paths, container_id: str, *, is_attended: bool) -> tuple[str, ...]:
    """What the monitor runs when the container has ended.

    A foreground run cleans up itself. Only when it was killed its lock is free, and flock(1) lets the command run;
    starting an interpreter to find that there is nothing to do would cost more than the container.
    """
    command = supervisor_command(paths, "exited", container_id)
    if not is_attended:
        return command
    flock = probe.required("flock")
    return (
        flock.path,
        "--nonblock",
        "--conflict-exit-code",
        "0",
        "--close",
        locks.attended_path(paths, container_id),
        *command,
    )


def supervisor_lock(paths: Paths) -> str:
    """The file that the supervisor has locked, and in which it writes its pid and start time."""
    return paths.run + "/supervisor.lock"


def is_supervised(paths: Paths) -> bool:
    """Whether a supervisor of this root lives."""
    try:
        with open(supervisor_lock(paths)) as file:
            words = file.read(64).split()
    except FileNotFoundError:
        return False
    return len(words) == 2 and process.is_alive(int(words[0]), int(words[1]))


def supervisor_socket(paths: Paths) -> str:
    """Where the supervisor is woken and given things."""
    return paths.run + "/supervisor.sock"


def wake(paths: Paths) -> bool:
    """Let the supervisor look around at once; False when there is none."""
    return _send(paths, b"!", ())


def hand_over(paths: Paths, gift: Gift) -> bool:
    """Give the supervisor copies of a container's sockets; False when there is none that could take them."""
    return _send(paths, gift.container_id.encode(), gift.descriptors)


def _send(paths: Paths, text: bytes, descriptors: tuple[int, ...]) -> bool:
    sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
    try:
        sender.connect(supervisor_socket(paths))
        rights = struct.pack(f"{len(descriptors)}i", *descriptors)
        sender.sendmsg([text], [(SOL_SOCKET, SCM_RIGHTS, rights)] if descriptors else [])
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
        return False
    except BlockingIOError:
        return not descriptors  # its queue is full: it will look anyway
    finally:
        sender.close()
    return True


def start_supervisor(paths: Paths) -> None:
    """Make sure that a supervisor watches this root. It is a process of its own and outlives us; a second one ends
    at once."""
    os.waitpid(spawn_supervisor(paths), 0)


def spawn_supervisor(paths: Paths, gift: Gift | None = None) -> int:
    """The same without waiting: the pid to be waited for, which ends when the supervisor is in the background, so that
    it is nobody's zombie. A `gift` is given to whoever watches."""
    command = supervisor_command(paths, "watch")
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in range(3)
    ]
    if gift is not None:
        command = (*command, ":".join((gift.container_id, *map(str, gift.descriptors))))
        # To itself: that takes the mark away which would close it.
        actions += [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in gift.descriptors]
    return os.posix_spawn(command[0], command, _environment(), file_actions=actions, setsid=True)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, **fault.environment()}
