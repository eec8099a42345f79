"""A process's terminal: made by the runtime in the container, its master sent to us, and copied to and from ours."""

import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from sampan.linux import files, tty
from sampan.runtime import defaults

_ENV = {"PATH": defaults.DEFAULT_PATH}
Keys = Callable[[bytes], tuple[bytes, bool]]
"""What is typed, to (what goes through, whether the terminal is left)."""


def spawn(program: str, command: Sequence[str], last: Sequence[str], folder: str) -> tuple[int, int]:
    """Start the runtime as `command`, a console socket in `folder`, and `last`: (pid, master), the master -1 when it
    ended before it sent one."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The name of a unix socket has at most 108 bytes; through a descriptor it is always short.
        listener.bind(f"/proc/self/fd/{place}/console")
        listener.listen(1)
        console = f"/proc/{os.getpid()}/fd/{place}/console"
        actions = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in range(3)]
        pid = os.posix_spawn(program, [*command, "--console-socket", console, *last], _ENV, file_actions=actions)
        return pid, _receive(listener, pid)
    finally:
        listener.close()
        os.close(place)


def _receive(listener: socket.socket, pid: int) -> int:
    """The master's descriptor; -1 when the runtime ended without sending one."""
    watched = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(watched, select.POLLIN)
    try:
        if listener.fileno() not in [fd for fd, _ in poll.poll()]:
            return -1
    finally:
        os.close(watched)
    connection, _ = listener.accept()
    with connection:
        _, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
    return descriptors[0] if descriptors else -1


def relay(master: int, stdin: int, stdout: int, keys: Keys = lambda typed: (typed, False)) -> bool:
    """Copy between a terminal's master and our descriptors (-1: no input) until it is closed (True) or `keys` says that
    it is left (False). A terminal of ours is raw meanwhile, and the other one has its size."""
    with ExitStack() as undo:
        if stdin >= 0 and tty.is_terminal(stdin):

            def resize(*_: object) -> None:
                rows, columns = tty.size(stdin)
                tty.set_size(master, rows, columns)

            previous = signal.signal(signal.SIGWINCH, resize)
            undo.callback(signal.signal, signal.SIGWINCH, previous)
            resize()
            undo.enter_context(tty.Raw(stdin))
        return _copy(master, stdin, stdout, keys)


def _copy(master: int, stdin: int, stdout: int, keys: Keys) -> bool:
    poll = select.poll()
    poll.register(master, select.POLLIN)
    if stdin >= 0:
        poll.register(stdin, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            try:
                data = os.read(descriptor, 8192)
            except OSError:
                data = b""  # EIO: the other side of the terminal is closed
            if descriptor == master:
                if not data:
                    return True
                files.write_all(stdout, data)
                continue
            if not data:
                poll.unregister(descriptor)
                files.write_all(master, b"\x04")
                continue
            passed, is_left = keys(data)
            if is_left:
                return False
            files.write_all(master, passed)
