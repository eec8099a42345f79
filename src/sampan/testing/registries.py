"""Registries for tests: Debian's docker-registry where it is installed, else sampan's own; both on loopback."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sampan.testing.waiting import until

PEER = "docker-registry"
_CONFIG = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"{tls}}}
"""


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def has_peer() -> bool:
    """Whether Debian's registry is installed."""
    return shutil.which(PEER) is not None


@contextmanager
def registry(folder: str, *, own: bool | None = None, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """A registry that keeps what it has below `folder`: its host:port. `own` chooses, None takes the peer if there is
    one. `environment` is added to the process's, for options of the peer."""
    os.makedirs(folder, exist_ok=True)
    port = free_port()
    if own if own is not None else not has_peer():
        program = os.path.join(os.path.dirname(sys.executable), "sampan")
        command = [program, "registry", "serve", "--listen", f"127.0.0.1:{port}", folder + "/store"]
    else:
        with open(folder + "/config.yml", "w") as file:
            file.write(_CONFIG.format(folder=folder + "/store", port=port, tls=""))
        command = [PEER, "serve", folder + "/config.yml"]
    with open(folder + "/log", "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
        )
    try:
        until(lambda: _answers(port) or process.poll() is not None, "the registry answers")
        if process.poll() is not None:
            with open(folder + "/log") as said:
                raise AssertionError(f"{command[0]} did not start:\n{said.read()[-2000:]}")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
