"""Commands that start a sampan process from outside of one: the monitor's exit command, and the supervisor."""

import os
import sys

from sampan.linux import fault, process
from sampan.runtime import probe
from sampan.storage import locks
from sampan.storage.paths import Paths


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


def start_supervisor(paths: Paths) -> None:
    """Make sure that a supervisor watches this root. It is a process of its own and outlives us; a second one ends
    at once."""
    command = supervisor_command(paths, "watch")
    actions = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in range(3)]
    pid = os.posix_spawn(command[0], command, _environment(), file_actions=actions, setsid=True)
    # It puts itself into the background, so that it is nobody's zombie.
    os.waitpid(pid, 0)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, **fault.environment()}
