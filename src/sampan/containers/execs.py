"""`exec`: another process in a running container."""

import json
import os

from sampan.containers import executable, happenings, security, store
from sampan.containers.model import Container
from sampan.containers.options import ExecOptions
from sampan.containers.piping import Piping
from sampan.containers.streams import Streams, detach_sequence
from sampan.errors import Conflict, StartFailed, Unavailable
from sampan.linux import files
from sampan.linux import process as linux_process
from sampan.runtime import bundle, defaults, failures, hostdevices, probe
from sampan.runtime.spec import Rlimit, SpecOptions, process_document
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple


class Running(NamedTuple):
    """A started exec: the runtime's pid (ours to wait for), the terminal's master, -1 without one, and what carries
    the other streams."""

    pid: int
    terminal: int
    folder: str
    piping: Piping


def prepare(database: Database, text: str) -> Container:
    """The container, if something can be executed in it. Raises NotFound or Conflict in Docker's words."""
    container = store.find(database, text)
    if container.status == "paused":
        raise Conflict(f"Container {container.name} is paused, unpause the container before exec")
    if not container.is_running:
        raise Conflict(f"container {container.id} is not running", hint=f"sampan start {container.name}")
    return container


def process(paths: Paths, container: Container, options: ExecOptions) -> str:
    """The `process` document, with the user looked up inside the container. Raises InvalidArgument, Conflict when it
    has ended, StartFailed when the command is not there."""
    cwd = options.working_dir or container.spec.config.working_dir or "/"
    root = _open_root(container)
    try:
        who = bundle.identity(root, options.user or container.spec.config.user, container.spec.options.groups)
        env = _environment(paths, container, options, who.home)
        executable.check(root, options.command[0], env, cwd)
    finally:
        os.close(root)
    wished = container.spec.options
    available = hostdevices.available_capabilities()
    if options.privileged:
        wished = wished._replace(privileged=True)
    document = process_document(
        SpecOptions(
            args=options.command,
            env=env,
            rootfs="",
            cgroups_path="",
            cwd=cwd,
            user=who.user,
            terminal=options.tty,
            capabilities=security.capabilities(wished, available),
            no_new_privileges=security.parse_options(wished.security_options).no_new_privileges,
            rlimits=tuple(Rlimit(limit.name, limit.soft, limit.hard) for limit in wished.ulimits),
            oom_score_adj=None,
        )
    )
    return json.dumps(document)


def _open_root(container: Container) -> int:
    ended = Conflict(f"container {container.id} is not running", hint=f"sampan start {container.name}")
    try:
        root = os.open(f"/proc/{container.pid}/root", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        raise ended from None
    if not linux_process.is_alive(container.pid, container.pid_start):  # the pid is another process's by now
        os.close(root)
        raise ended
    return root


def _environment(paths: Paths, container: Container, options: ExecOptions, home: str) -> tuple[str, ...]:
    from sampan.containers.compile import hostname, merge_env, process_environment

    env = merge_env(options.env, container.spec.config.env)
    if any(choice.links for choice in container.spec.options.connections):
        from sampan.containers import linking

        env = merge_env(env, linking.recorded(paths, container))
    return process_environment(env, hostname(container), home, tty=options.tty)


def spawn(paths: Paths, container: Container, options: ExecOptions, streams: Streams) -> Running:
    """Start the process. Without a terminal it has pipes to our `streams`, which `wait` carries; -1 is /dev/null.

    Raises InvalidArgument for an unknown user.
    """
    runtime = probe.runtime(container.spec.options.runtime)
    folder = f"{paths.container(container.id)}/exec-{os.urandom(8).hex()}"
    os.mkdir(folder, 0o700)
    piping = Piping()
    try:
        with open(folder + "/process.json", "w") as file:
            file.write(process(paths, container, options))
        command = _command(paths, runtime, folder)
        if not options.tty or not runtime.is_crun:
            chosen = (streams.stdin if options.interactive else -1, streams.stdout, streams.stderr)
            if not options.tty:
                chosen = (piping.input(chosen[0]), piping.output(chosen[1]), piping.output(chosen[2]))
            # Otherwise runc copies between ours and the process's own terminal; crun has us do that.
            pid = os.posix_spawn(runtime.path, [*command, container.id], _ENV, file_actions=_stdio(chosen))
            piping.started()
            return Running(pid, -1, folder, piping)
        from sampan.runtime import console

        pid, terminal = console.spawn(runtime.path, [*command, "--tty"], [container.id], folder)
        return Running(pid, terminal, folder, piping)
    except BaseException:
        piping.close()
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


def read_output(paths: Paths, container: Container, running: Running, reader: int) -> bytes:
    """What the process writes to a pipe whose other end it was given, to the end; closes `reader`.

    When this thread is told to give up, the process is killed and forgotten, and Cancelled raised.
    """
    from sampan.linux import cancellation

    parts: list[bytes] = []
    try:
        while True:
            cancellation.wait(reader, _LONGEST_WAIT_SECONDS)
            data = os.read(reader, _CHUNK)
            if not data:
                return b"".join(parts)
            parts.append(data)
    except cancellation.Cancelled:
        _kill(running)
        running.piping.close()
        os.waitpid(running.pid, 0)
        finish(paths, container, running.folder)
        raise
    finally:
        os.close(reader)


_LONGEST_WAIT_SECONDS = 1e6
_CHUNK = 1 << 16


def _kill(running: Running) -> None:
    """Kill the process, so that the runtime ends, which waits for it; one that has not begun yet ends with the runtime.

    As long as the runtime waits, the pid that it has written is nobody else's.
    """
    import signal

    pid = 0
    try:
        with open(running.folder + "/pid") as file:
            pid = int(file.read() or 0)
    except FileNotFoundError:
        pass
    if os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        try:
            os.kill(pid or running.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it has just ended


def wait(paths: Paths, container: Container, running: Running, command: str) -> int:
    """Wait for the end of the process: its exit code. Raises StartFailed when `command` could not be executed."""
    try:
        running.piping.run(running.pid)
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
    files.remove_below(paths.container(container.id), os.path.basename(folder))


def run(
    database: Database, paths: Paths, text: str, options: ExecOptions, *, streams: Streams, detach_keys: str = ""
) -> int | None:
    """Execute and wait, with our stdio: the exit code, None when the user detached.

    With `detach` it goes on by itself and 0 is returned.
    """
    container = prepare(database, text)
    if options.detach:
        detach(paths, container, options)
        tell_started(database, container, options.command)
        return 0
    try:
        running = spawn(paths, container, options, streams)
    except StartFailed:
        tell_started(database, container, options.command)
        raise
    identity = tell_started(database, container, options.command)
    if running.terminal >= 0:
        from sampan.containers.streams import DetachFilter
        from sampan.runtime import console

        keys = DetachFilter(detach_sequence(detach_keys))
        if not console.relay(running.terminal, streams.stdin, streams.stdout, keys.feed):
            return None
    code = wait(paths, container, running, options.command[0])
    tell_ended(database, container, identity, code)
    return code


def tell_started(database: Database, container: Container, command: tuple[str, ...]) -> str:
    """Add the events of a command that is being started; what it gives back is for `tell_ended`."""
    try:
        with database.transaction(durable=False):
            return happenings.executed(database, container, command)
    except Unavailable:
        return ""  # the disk is full, and perhaps this command makes room


def tell_ended(database: Database, container: Container, identity: str, exit_code: int) -> None:
    """Add the event of its end."""
    if identity:
        happenings.note(database, container, "exec_die", execID=identity, exitCode=str(exit_code))


def detach(paths: Paths, container: Container, options: ExecOptions) -> None:
    """Start a process that nobody waits for; its output is lost, as with docker exec -d."""
    runtime = probe.runtime(container.spec.options.runtime)
    folder = f"{paths.container(container.id)}/exec-{os.urandom(8).hex()}"
    os.mkdir(folder, 0o700)
    try:
        with open(folder + "/process.json", "w") as file:
            file.write(process(paths, container, options._replace(tty=False)))
        command = [*_command(paths, runtime, folder), "--detach", container.id]
        pid = os.posix_spawn(runtime.path, command, _ENV, file_actions=_stdio((-1, -1, -1)))
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
            _check_started(container, folder, options.command[0])
    finally:
        finish(paths, container, folder)
