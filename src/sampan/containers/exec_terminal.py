"""The terminal of an exec: made by the runtime in the container, its master sent to us, and copied to and from ours."""

import os
import select
import signal
import socket
from contextlib import ExitStack

from sampan.containers.streams import DetachFilter, Streams
from sampan.linux import files, tty
from sampan.runtime import defaults

_ENV = {"PATH": defaults.DEFAULT_PATH}


def spawn(program: str, command: list[str], container_id: str, folder: str) -> tuple[int, int]:
    """Start the runtime's exec with a console socket in `folder`: (pid, master), the master -1 when it ended before."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The name of a unix socket has at most 108 bytes; through a descriptor it is always short.
        listener.bind(f"/proc/self/fd/{place}/console")
        listener.listen(1)
        console = f"/proc/{os.getpid()}/fd/{place}/console"
        actions = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in range(3)]
        pid = os.posix_spawn(program, [*command, "--console-socket", console, container_id], _ENV, file_actions=actions)
        return pid, _receive_terminal(listener, pid)
    finally:
        listener.close()
        os.close(place)


def _receive_terminal(listener: socket.socket, pid: int) -> int:
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


def relay(master: int, streams: Streams, detach_keys: bytes) -> bool:
    """Copy between a terminal's master and our stdio until it is closed (True) or the detach keys are typed (False)."""
    with ExitStack() as undo:
        if streams.stdin >= 0 and tty.is_terminal(streams.stdin):

            def resize(*_: object) -> None:
                rows, columns = tty.size(streams.stdin)
                tty.set_size(master, rows, columns)

            previous = signal.signal(signal.SIGWINCH, resize)
            undo.callback(signal.signal, signal.SIGWINCH, previous)
            resize()
            undo.enter_context(tty.Raw(streams.stdin))
        return _relay(master, streams, DetachFilter(detach_keys))


def _relay(master: int, streams: Streams, keys: DetachFilter) -> bool:
    poll = select.poll()
    poll.register(master, select.POLLIN)
    if streams.stdin >= 0:
        poll.register(streams.stdin, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            try:
                data = os.read(descriptor, 8192)
            except OSError:
                data = b""  # EIO: the other side of the terminal is closed
            if descriptor == master:
                if not data:
                    return True
                files.write_all(streams.stdout, data)
                continue
            if not data:
                poll.unregister(descriptor)
                files.write_all(master, b"\x04")
                continue
            passed, detached = keys.feed(data)
            if detached:
                return False
            files.write_all(master, passed)
