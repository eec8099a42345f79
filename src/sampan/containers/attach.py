"""Between a container's stdio and ours: copy bytes both ways, until the container's output ends or the user
detaches."""

import errno
import os
import select
import signal
import socket
from collections.abc import Callable, Sequence

from sampan.containers.streams import DetachFilter, Streams, detach_sequence
from sampan.linux import files, tty
from sampan.runtime import monitor

_PACKET = 8193
_STDERR = 3


class Session:
    """One attachment to a running container."""

    __slots__ = ("_bundle", "_connection", "_filter", "_on_resized", "_streams", "_terminal", "_wake")

    def __init__(
        self,
        sockets: str,
        bundle: str,
        container_id: str,
        streams: Streams,
        *,
        terminal: bool,
        detach_keys: str = "",
        on_resized: Callable[[int, int], None] = lambda rows, columns: None,
    ) -> None:
        """Connect. `on_resized` is told each size that the terminal is given. Raises OSError when the container has
        ended."""
        self._connection: socket.socket = monitor.attach(sockets, container_id)
        self._bundle = bundle
        self._on_resized = on_resized
        self._streams = streams
        self._terminal = terminal
        self._filter = DetachFilter(detach_sequence(detach_keys)) if terminal else None
        self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def run(self) -> bool:
        """Copy until the end of the container's output (True) or the detach keys (False)."""
        if not self._terminal or self._streams.stdin < 0 or not tty.is_terminal(self._streams.stdin):
            return self._copy()
        previous = signal.signal(signal.SIGWINCH, lambda *_: self.resize())
        try:
            self.resize()
            with tty.Raw(self._streams.stdin):
                return self._copy()
        finally:
            signal.signal(signal.SIGWINCH, previous)

    def resize(self) -> None:
        """Give the container's terminal the size of ours."""
        rows, columns = tty.size(self._streams.stdin)
        monitor.resize(self._bundle, rows, columns)
        self._on_resized(rows, columns)

    def stop(self) -> None:
        """End `run` from another thread or a signal handler."""
        os.write(self._wake[1], b"x")

    def close(self) -> None:
        self._connection.close()
        for descriptor in self._wake:
            os.close(descriptor)

    def _copy(self) -> bool:
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(self._wake[0], select.POLLIN)
        if self._streams.stdin >= 0:
            poll.register(self._streams.stdin, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._connection.fileno():
                    if not self._output():
                        return True
                elif descriptor == self._wake[0]:
                    return True
                else:
                    state = self._input()
                    if state == "detached":
                        return False
                    if state == "ended":
                        poll.unregister(descriptor)

    def _output(self) -> bool:
        try:
            packet = self._connection.recv(_PACKET)
        except ConnectionResetError:
            return False
        if not packet:
            return False
        target = self._streams.stderr if packet[0] == _STDERR else self._streams.stdout
        if target >= 0:
            files.write_all(target, packet[1:])
        return True

    def _input(self) -> str:
        try:
            data = os.read(self._streams.stdin, 8192)
        except OSError as error:
            if error.errno != errno.EIO:  # our terminal is gone
                raise
            data = b""
        if not data:
            self._end_input()
            return "ended"
        if self._filter is not None:
            data, detached = self._filter.feed(data)
            if detached:
                return "detached"
        try:
            if data:
                self._connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return "ended"
        return "open"

    def _end_input(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the container has ended already


def forwarded_signals() -> Sequence[int]:
    """Signals that a foreground run passes on to the container."""
    kept = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGWINCH}
    kept |= {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGTSTP,
    }
    return [number for number in signal.valid_signals() if number not in kept]
