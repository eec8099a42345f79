"""Time whole commands, in this process's namespaces or in those of another engine.

Each engine gets one process that enters its namespaces once and then runs and times commands on demand: entering costs
no engine anything, and a duration is from posix_spawn to the end of the command.
"""

import ctypes
import json
import os
import socket
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Timing(NamedTuple):
    """`seconds` until the last of the commands ended; `output` is of all of them, stdout and stderr."""

    seconds: float
    codes: list[int]
    output: str


class Stopwatch:
    """Runs commands one after another; each call of `run` may start several at once."""

    def __init__(self, namespaces_of: int = 0, kinds: Sequence[str] = ("pid", "net", "mnt")) -> None:
        """`namespaces_of` is a pid whose namespaces of these kinds are entered; 0 stays in the own ones."""
        self._socket, other = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._socket.close()
            code = 1
            try:
                code = _serve(other, namespaces_of, kinds)
            finally:
                os._exit(code)
        other.close()
        self._reader = self._socket.makefile("r")

    def run(self, *commands: list[str], cwd: str = "/", env: dict[str, str] | None = None) -> Timing:
        """Start `commands` at the same moment and wait for all."""
        request = {"commands": commands, "cwd": cwd, "env": {"PATH": PATH, "HOME": "/root", **(env or {})}}
        self._socket.sendall((json.dumps(request) + "\n").encode())
        line = self._reader.readline()
        if not line:
            raise RuntimeError("the stopwatch's process ended")
        return Timing(**json.loads(line))

    def close(self) -> None:
        # A later stopwatch was forked with a copy of this socket: closing it alone would not end the conversation.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.close()
        self._socket.close()
        os.waitpid(self.pid, 0)


def _serve(connection: socket.socket, namespaces_of: int, kinds: Sequence[str]) -> int:
    if namespaces_of:
        enter(namespaces_of, kinds)
        # A PID namespace takes in only children.
        child = os.fork()
        if child:
            connection.close()
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with connection.makefile("r") as requests:
        for line in requests:
            connection.sendall((json.dumps(_timed(json.loads(line))) + "\n").encode())
    return 0


def enter(pid: int, kinds: Sequence[str]) -> None:
    """Let the calling thread into namespaces of a process, those of its mounts last. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    for descriptor in [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in kinds]:
        if libc.setns(descriptor, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(descriptor)


def _timed(request: dict[str, Any]) -> dict[str, Any]:
    os.chdir(request["cwd"])
    output = os.memfd_create("output")
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    streams = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
    started = time.perf_counter()
    pids = [os.posix_spawnp(words[0], words, request["env"], file_actions=streams) for words in request["commands"]]
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    seconds = time.perf_counter() - started
    text = os.pread(output, 100_000, 0).decode(errors="replace")
    os.close(output)
    os.close(null)
    return {"seconds": seconds, "codes": codes, "output": text}
