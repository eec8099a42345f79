"""Pipes between an exec's process and our streams.

A process in a container must not hold what our streams lead to: with a terminal it could read what is typed there long
after, with a file of the host it could open it anew, read all of it, or change its mode. Only a pipe gives no more than
the stream.
"""

import os
import select
import stat

from sampan.linux import files

_CHUNK = 1 << 16


class Piping:
    """Made before the process, `run` while it lives. Streams that are pipes already are handed on as they are."""

    __slots__ = ("_child", "_outputs", "_pending", "_source", "_writer", "_writers")

    def __init__(self) -> None:
        self._outputs: dict[int, int] = {}  # our end of a pipe -> the stream that gets what comes out of it
        self._writers: dict[int, int] = {}  # stream -> the process's end of its pipe
        self._child: list[int] = []  # all ends that belong to the process
        self._source = self._writer = -1
        self._pending = b""

    def input(self, stream: int) -> int:
        """The descriptor that the process reads instead of `stream`; -1 for none."""
        if not _is_open(stream) or _is_pipe(stream):
            return stream if _is_open(stream) else -1
        reader, self._writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._writer, False)
        self._source = stream
        self._child.append(reader)
        return reader

    def output(self, stream: int) -> int:
        """The descriptor that the process writes to instead of `stream`; -1 for none.

        Two streams that are one file get one pipe, so that what is written to them stays in order.
        """
        if not _is_open(stream) or _is_pipe(stream):
            return stream if _is_open(stream) else -1
        for other, writer in self._writers.items():
            if os.path.sameopenfile(stream, other):
                return writer
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        self._outputs[reader] = stream
        self._writers[stream] = writer
        self._child.append(writer)
        return writer

    def started(self) -> None:
        """The process has its ends: close ours of them."""
        while self._child:
            os.close(self._child.pop())
        self._writers.clear()

    def close(self) -> None:
        """Give everything up."""
        self.started()
        for reader in self._outputs:
            os.close(reader)
        self._outputs.clear()
        self._end_input()

    def run(self, pid: int) -> None:
        """Copy until our child `pid` has ended and what it wrote is handed over; what it left running is not waited
        for."""
        if not self._outputs and self._writer < 0:
            return
        ended = os.pidfd_open(pid)
        try:
            while self._step(ended):
                pass
            for reader in list(self._outputs):
                while self._output(reader):
                    pass
        finally:
            os.close(ended)
            self.close()

    def _step(self, ended: int) -> bool:
        """Wait for the next event and deal with it; False when the process has ended."""
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        for reader in self._outputs:
            poll.register(reader, select.POLLIN)
        if self._writer >= 0:
            if self._pending:
                poll.register(self._writer, select.POLLOUT)
            else:
                poll.register(self._source, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll()]
        for descriptor in ready:
            if descriptor in self._outputs:
                self._output(descriptor)
            elif descriptor != ended:
                self._input()
        return ended not in ready

    def _output(self, reader: int) -> bool:
        """Hand over what there is; False when there is nothing more at the moment, or ever."""
        try:
            data = os.read(reader, _CHUNK)
        except BlockingIOError:
            return False
        if data:
            files.write_all(self._outputs[reader], data)
            return True
        os.close(reader)
        del self._outputs[reader]
        return False

    def _input(self) -> None:
        if not self._pending:
            self._pending = _read(self._source)
            if not self._pending:
                self._end_input()
                return
        try:
            self._pending = self._pending[os.write(self._writer, self._pending) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the process reads no more
            self._end_input()

    def _end_input(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
        self._source = self._writer = -1
        self._pending = b""


def _is_open(stream: int) -> bool:
    if stream < 0:
        return False
    try:
        os.fstat(stream)
    except OSError:
        return False
    return True


def _is_pipe(stream: int) -> bool:
    return stat.S_ISFIFO(os.fstat(stream).st_mode)


def _read(stream: int) -> bytes:
    try:
        return os.read(stream, _CHUNK)
    except OSError:
        return b""  # EIO: our terminal is gone
