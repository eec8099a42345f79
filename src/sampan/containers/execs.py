"""`exec`: another process in a running container."""

import json
import os
import signal
import socket

from sampan.containers import attach, devices, security, store
from sampan.containers.model import Container
from sampan.containers.options import ExecOptions
from sampan.containers.streams import DetachFilter, Streams, detach_sequence
from sampan.errors import Conflict
from sampan.linux import files, tty
from sampan.runtime import bundle, defaults, failures, probe
from sampan.runtime.spec import SpecOptions, process_document
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple


class Running(NamedTuple):
    """A started exec: the runtime's pid (ours to wait for) and the terminal's master, -1 without one."""

    pid: int
    terminal: int
    folder: str


def prepare(database: Database, text: str) -> Container:
    """The container, if something can be executed in it. Raises NotFound or Conflict in Docker's words."""
    container = store.find(database, text)
    if container.status == "paused":
        raise Conflict(f"Container {container.name} is paused, unpause the container before exec")
    if not container.is_running:
        raise Conflict(f"container {container.id} is not running", hint=f"sampan start {container.name}")
    return container


def process(container: Container, options: ExecOptions) -> str:
    """The `process` document, with the user looked up inside the container. Raises InvalidArgument."""
    root = os.open(f"/proc/{container.pid}/root", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        who = bundle.identity(root, options.user or container.spec.config.user, container.spec.options.groups)
    finally:
        os.close(root)
    wished = container.spec.options
    available = devices.available_capabilities()
    if options.privileged:
        wished = wished._replace(privileged=True)
    env = _environment(container, options, who.home)
    document = process_document(
        SpecOptions(
            args=options.command,
            env=env,
            rootfs="",
            cgroups_path="",
            cwd=options.working_dir or container.spec.config.working_dir or "/",
            user=who.user,
            terminal=options.tty,
            capabilities=security.capabilities(wished, available),
            no_new_privileges=security.parse_options(wished.security_options).no_new_privileges,
            oom_score_adj=None,
        )
    )
    return json.dumps(document)


def _environment(container: Container, options: ExecOptions, home: str) -> tuple[str, ...]:
    from sampan.containers.compile import hostname, merge_env

    env = merge_env(options.env, container.spec.config.env)
    names = {entry.partition("=")[0] for entry in env}
    first = [] if "PATH" in names else [f"PATH={defaults.DEFAULT_PATH}"]
    if "HOSTNAME" not in names:
        first.append(f"HOSTNAME={hostname(container)}")
    if options.tty and "TERM" not in names:
        first.append("TERM=xterm")
    return (*first, *env) if "HOME" in names else (*first, *env, f"HOME={home}")


def spawn(paths: Paths, container: Container, options: ExecOptions, streams: Streams) -> Running:
    """Start the process. Without a terminal it has our `streams` themselves; -1 is /dev/null.

    Raises InvalidArgument for an unknown user.
    """
    runtime = probe.runtime(container.spec.options.runtime)
    folder = f"{paths.container(container.id)}/exec-{os.urandom(8).hex()}"
    os.mkdir(folder, 0o700)
    try:
        with open(folder + "/process.json", "w") as file:
            file.write(process(container, options))
        command = _command(paths, runtime, folder)
        if not options.tty or not runtime.is_crun:
            # runc hands out a terminal only when it is not waited for; it copies from and to ours by itself.
            chosen = (streams.stdin if options.interactive else -1, streams.stdout, streams.stderr)
            pid = os.posix_spawn(runtime.path, [*command, container.id], _ENV, file_actions=_stdio(chosen))
            return Running(pid, -1, folder)
        return _with_terminal(runtime, command, container, folder)
    except BaseException:
        finish(paths, container, folder)
        raise


def _command(paths: Paths, runtime: probe.Program, folder: str) -> list[str]:
    """The runtime's own complaints go to a file: the streams belong to the process."""
    log = f"file:{folder}/log" if runtime.is_crun else folder + "/log"
    start = [runtime.path, "--root", paths.runtime, "--log", log, "exec"]
    return [*start, "--process", folder + "/process.json", "--pid-file", folder + "/pid"]


_ENV = {"PATH": defaults.DEFAULT_PATH}


def _stdio(chosen: tuple[int, int, int]) -> list[tuple[int, ...] | tuple[int, int, str, int, int]]:
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = []
    for number, descriptor in enumerate(chosen):
        if descriptor < 0:
            actions.append((os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0))
        elif descriptor == number:
            os.set_inheritable(descriptor, True)
        else:
            actions.append((os.POSIX_SPAWN_DUP2, descriptor, number))
    return actions


def _with_terminal(runtime: probe.Program, command: list[str], container: Container, folder: str) -> Running:
    """The runtime makes the terminal inside the container and sends us its master."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The name of a unix socket has at most 108 bytes; through a descriptor it is always short.
        listener.bind(f"/proc/self/fd/{place}/console")
        listener.listen(1)
        console = f"/proc/{os.getpid()}/fd/{place}/console"
        arguments = [*command, "--tty", "--console-socket", console, container.id]
        pid = os.posix_spawn(runtime.path, arguments, _ENV, file_actions=_stdio((-1, -1, -1)))
        return Running(pid, _receive_terminal(listener, pid), folder)
    finally:
        listener.close()
        os.close(place)


def _receive_terminal(listener: socket.socket, pid: int) -> int:
    """The master's descriptor; -1 when the runtime ended without sending one."""
    import select

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


def wait(paths: Paths, container: Container, running: Running, command: str) -> int:
    """Wait for the end of the process: its exit code. Raises StartFailed when `command` could not be executed."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(running.pid, 0)[1])
        if code != 0:
            _check_started(container, running.folder, command)
    finally:
        if running.terminal >= 0:
            os.close(running.terminal)
        finish(paths, container, running.folder)
    return code if code >= 0 else 128 - code


def _check_started(container: Container, folder: str, command: str) -> None:
    try:
        with open(folder + "/log") as file:
            complaint = file.read(1 << 16)
    except FileNotFoundError:
        return
    if complaint.strip():
        runtime = os.path.basename(probe.runtime(container.spec.options.runtime).path)
        raise failures.start_failed(runtime, complaint, command, is_exec=True)


def finish(paths: Paths, container: Container, folder: str) -> None:
    """Remove the exec's files; the container may have been removed meanwhile."""
    try:
        top = os.open(paths.container(container.id), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        files.remove_tree(top, os.path.basename(folder))
    finally:
        os.close(top)


def run(
    database: Database, paths: Paths, text: str, options: ExecOptions, *, streams: Streams, detach_keys: str = ""
) -> int:
    """Execute and wait, with our stdio: the exit code. With `detach` it goes on by itself and 0 is returned."""
    container = prepare(database, text)
    if options.detach:
        detach(paths, container, options)
        return 0
    running = spawn(paths, container, options, streams)
    if running.terminal >= 0 and not relay(running.terminal, streams, detach_sequence(detach_keys)):
        return 0
    return wait(paths, container, running, options.command[0])


def detach(paths: Paths, container: Container, options: ExecOptions) -> None:
    """Start a process that nobody waits for; its output is lost, as with docker exec -d."""
    runtime = probe.runtime(container.spec.options.runtime)
    folder = f"{paths.container(container.id)}/exec-{os.urandom(8).hex()}"
    os.mkdir(folder, 0o700)
    try:
        with open(folder + "/process.json", "w") as file:
            file.write(process(container, options._replace(tty=False)))
        command = [*_command(paths, runtime, folder), "--detach", container.id]
        pid = os.posix_spawn(runtime.path, command, _ENV, file_actions=_stdio((-1, -1, -1)))
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
            _check_started(container, folder, options.command[0])
    finally:
        finish(paths, container, folder)


def relay(master: int, streams: Streams, detach_keys: bytes) -> bool:
    """Copy between a terminal's master and our stdio until it is closed (True) or the detach keys are typed (False)."""
    from contextlib import ExitStack

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
    import select

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
                attach.write_all(streams.stdout, data)
                continue
            if not data:
                poll.unregister(descriptor)
                attach.write_all(master, b"\x04")
                continue
            passed, detached = keys.feed(data)
            if detached:
                return False
            attach.write_all(master, passed)
