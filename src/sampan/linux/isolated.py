"""Programs that get nothing of ours: an environment that is given, no terminal, a usual umask.

What they say may come from a stranger, who need not stop: of it only so much is kept.
"""

import os
import time
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING

from sampan.errors import Unavailable

if TYPE_CHECKING:
    import subprocess

MOST_OUTPUT = 32 << 20
_LAST_WORDS = 64 << 10  # bytes of stderr
_PIECE = 1 << 16
# The pipe ends with us: what still runs then has nobody to work for.
_BOUND = 'exec 3<&0; { cat <&3; kill -s KILL -- -$$; } >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: str,
    timeout_seconds: float,
    memory_bytes: int = 0,
) -> tuple[int, str, str]:
    """Run a program to its end in a folder: (exit code, stdout, the end of stderr). `environment` is all that it has;
    with `memory_bytes` it, and each program that it starts, gets no more than so much.

    Raises FileNotFoundError when there is no such program, Unavailable when it does not end in time or writes more than
    MOST_OUTPUT; it is then killed with all that it started, as it is when we are interrupted or killed.
    """
    import resource
    import shutil
    import signal
    import subprocess

    if shutil.which(command[0], path=environment.get("PATH")) is None:
        raise FileNotFoundError(command[0])
    with subprocess.Popen(
        ["/bin/sh", "-c", _BOUND, "sh", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        cwd=folder,
        umask=0o022,
        start_new_session=True,
    ) as child:
        try:
            if memory_bytes:
                resource.prlimit(child.pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
            out, err = _said(child, command[0], timeout_seconds)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    return child.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def _said(child: "subprocess.Popen[bytes]", name: str, timeout_seconds: float) -> tuple[bytes, bytes]:
    """stdout and the end of stderr, read until both are closed and the program has ended."""
    import selectors
    import subprocess

    assert child.stdout is not None and child.stderr is not None
    late = Unavailable(f"{name} did not end within {timeout_seconds:.0f} s")
    deadline = time.monotonic() + timeout_seconds
    said: dict[IO[bytes], bytearray] = {child.stdout: bytearray(), child.stderr: bytearray()}
    with selectors.DefaultSelector() as waiting:
        for pipe in said:
            waiting.register(pipe, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(max(0, deadline - time.monotonic()))
            if not ready:
                raise late
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE)
                if not piece:
                    waiting.unregister(key.fileobj)
                said[key.fileobj] += piece  # type: ignore[index]  # it is one of the pipes
            del said[child.stderr][:-_LAST_WORDS]
            if len(said[child.stdout]) > MOST_OUTPUT:
                raise Unavailable(f"{name} writes more than {MOST_OUTPUT >> 20} MiB")
    try:
        child.wait(max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise late from None
    return bytes(said[child.stdout]), bytes(said[child.stderr])
