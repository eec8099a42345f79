"""conmon: it holds one container's stdio, terminal, log, attach socket and exit code, and outlives us."""

import json
import os
from typing import TYPE_CHECKING

from sampan.errors import Unavailable
from sampan.linux import fault
from sampan.runtime import failures
from sampan.runtime.probe import Program
from sampan.values import NamedTuple

if TYPE_CHECKING:
    import socket

_SYNC_FD = 60  # a dup2 target must not be one of its sources: numbers from 60 on never are
_RESERVED_FD = 70
_TEXT_LIMIT = 1 << 16


class MonitorOptions(NamedTuple):
    """One container for one monitor. `log` is "k8s-file:PATH", "journald" or "none".

    `exit_command` runs when the container ended. `exit` is the folder for what is told of its end.
    `inherited` are descriptors that the monitor keeps open as long as it lives (reserved ports).
    """

    container_id: str
    name: str
    bundle: str
    runtime_root: str
    exit: str
    sockets: str
    log: str
    log_size_limit: int = 0  # bytes at which the log starts over, 0 for none
    log_tag: str = ""  # for the journal
    terminal: bool = False
    interactive: bool = False
    keep_input_open: bool = False  # the container's input outlives whoever is attached first
    command: str = ""  # the program that will run, for messages
    exit_command: tuple[str, ...] = ()
    inherited: tuple[int, ...] = ()


def spawn(conmon: Program, runtime: Program, options: MonitorOptions) -> int:
    """Create (not start) the container of a bundle and return the pid of its first process.

    Must run in the mount namespace that holds the bundle's root. Raises StartFailed with the runtime's reason.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)
        ]
        actions.append((os.POSIX_SPAWN_DUP2, writer, _SYNC_FD))
        for number, fd in enumerate(options.inherited):
            actions.append((os.POSIX_SPAWN_DUP2, fd, _RESERVED_FD + number))
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "_OCI_SYNCPIPE": str(_SYNC_FD),
            "TZ": "UTC0",  # for the times in the log
            **fault.environment(),
        }
        pid = os.posix_spawn(conmon.path, _command(conmon, runtime, options), environment, file_actions=actions)
    finally:
        os.close(writer)
    fault.point("monitor.spawned")
    with open(reader, "rb") as answers:
        os.waitpid(pid, 0)  # conmon puts itself into the background
        line = answers.readline(_TEXT_LIMIT)
    return _created_pid(line, runtime, options.command)


def _command(conmon: Program, runtime: Program, options: MonitorOptions) -> list[str]:
    command = [
        conmon.path, "--api-version", "1",
        "-c", options.container_id,
        "-u", options.container_id,
        "-n", options.name,
        "-r", runtime.path,
        "-b", options.bundle,
        "-p", options.bundle + "/pidfile",
        "-P", options.bundle + "/conmon.pid",
        "--persist-dir", options.exit,
        "--socket-dir-path", options.sockets,
        "-l", options.log,
        "--log-level", "error",
        "--no-sync-log",
        "--runtime-arg", "--root",
        "--runtime-arg", options.runtime_root,
    ]  # fmt: skip
    if options.log_size_limit:
        command += ["--log-size-max", str(options.log_size_limit)]
    if options.log_tag and options.log == "journald":
        command += ["--log-tag", options.log_tag]
    if options.terminal:
        command.append("-t")
    if options.interactive:
        command.append("-i")
        if options.keep_input_open:
            command.append("--leave-stdin-open")
    if options.exit_command:
        command += ["--exit-command", options.exit_command[0]]
        for argument in options.exit_command[1:]:
            command += ["--exit-command-arg", argument]
    return command


def _created_pid(line: bytes, runtime: Program, command: str) -> int:
    if not line:
        raise Unavailable(
            "the container monitor ended before the container was created",
            hint="see `sampan info` for the programs in use",
        )
    answer = json.loads(line)
    pid = int(answer["data"])
    if pid <= 0:
        raise failures.start_failed(runtime.name, str(answer.get("message", "")), command)
    return pid


def attach(sockets: str, container_id: str) -> "socket.socket":
    """Connect to a running container's stdio.

    Each packet from it is one byte for the stream (2 stdout, 3 stderr) and up to 8192 bytes; what is written is the
    container's standard input, ended by shutdown(SHUT_WR). Raises OSError when the monitor is gone.
    """
    import socket

    folder = os.open(f"{sockets}/{container_id}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        # The name of a unix socket has at most 108 bytes; through a descriptor it is always short.
        connection.connect(f"/proc/self/fd/{folder}/attach")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


def resize(bundle: str, rows: int, columns: int) -> None:
    """Set the size of a container's terminal."""
    try:
        fd = os.open(bundle + "/winsz", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # the container has ended, there is no terminal any more
    try:
        os.write(fd, f"{rows} {columns}\n".encode())
    finally:
        os.close(fd)


def exit_code(folder: str) -> int | None:
    """The exit code that the monitor wrote, None while the container runs."""
    try:
        with open(folder + "/exit") as file:
            text = file.read().strip()
    except FileNotFoundError:
        return None
    return int(text) if text else None
