"""A process without a monitor, for a build's RUN: it runs, its output is handed over, its exit code comes back."""

import os
import select
from collections.abc import Callable
from typing import NamedTuple

from sampan.linux import cancellation, cgroup, fault, files, mount
from sampan.runtime import bundle, defaults, driver, failures, probe, seccomp, stubs, users
from sampan.runtime.spec import Rlimit, SpecDevice, SpecMount, SpecOptions
from sampan.storage import leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths

MEMORY = "memory"  # in the folder of a confidential step: memory that is mounted for nobody else
SHM_BYTES = 64 << 20  # of /dev/shm, as in Docker
_CHUNK = 1 << 16
_ETC_OPTIONS = ("rbind", "rprivate", "ro", "nosuid", "nodev", "noexec")


class Step(NamedTuple):
    """One process in a build.

    `lower` are snapshot ids, lowest first; `snapshot_id` is the snapshot that receives the changes. `user` is as in
    USER. `network` is "private" (no network but loopback), "host", or the path of a network namespace. `hosts` and
    `resolv` are the texts of the files that it sees in /etc, which are not part of the snapshot.

    `destinations` are where it is to see other files. `stage` is called with the step's folder in the mount
    namespace that the runtime starts in, and answers with the mounts there, made ready: what it mounts is seen by
    nobody else, and ends with the step. With `is_confidential` all that is written about the step, its environment for
    one, is in memory that is as hidden, below MEMORY in that folder, where `stage` may put files too. `devices` is for
    `is_privileged` alone.
    """

    args: tuple[str, ...]
    env: tuple[str, ...]
    lower: tuple[str, ...]
    snapshot_id: str
    cwd: str = "/"
    user: str = ""
    network: str = "private"
    hostname: str = "buildkitsandbox"
    hosts: str = "127.0.0.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    resolv: str = ""
    destinations: tuple[str, ...] = ()
    stage: Callable[[str], tuple[SpecMount, ...]] = lambda folder: ()
    is_confidential: bool = False
    is_privileged: bool = False
    capabilities: tuple[str, ...] = defaults.DEFAULT_CAPABILITIES
    devices: tuple[SpecDevice, ...] = ()
    rlimits: tuple[Rlimit, ...] = ()
    cgroup_parent: str = ""
    shm_size: int = SHM_BYTES
    stdin: int = -1  # a descriptor to read from, -1 = /dev/null
    is_terminal: bool = False  # it has a terminal, which is copied to and from our stdin and stdout


def run(
    paths: Paths, database: Database, step: Step, on_output: Callable[[int, bytes], None], *, runtime_name: str = ""
) -> int:
    """Run `step` to its end and return its exit code; `on_output(1 or 2, data)` gets what it prints as it comes.

    Raises StartFailed when it could not be started, InvalidArgument for an unknown user, OSError when the root cannot
    be mounted. When interrupted, everything that it started is killed.
    """
    runtime = probe.runtime(runtime_name)
    cgroup.hasten()
    run_id = os.urandom(8).hex()
    folder, cgroups_path = f"{paths.tmp}/{run_id}", f"{step.cgroup_parent or paths.cgroup}/build-{run_id}"
    with database.transaction():
        leases.take(database, f"tmp:{run_id}")
        leases.take(database, f"cgroup:{cgroups_path}")
    try:
        for name in ("", "/work", "/merged"):
            os.mkdir(folder + name, 0o700)
        fault.point("step.prepared")
        return _run(paths, runtime, step, on_output, run_id, cgroups_path)
    finally:
        driver.delete(runtime, paths.runtime, run_id, cgroups_path)
        files.remove_below(paths.tmp, run_id)
        with database.transaction():
            leases.release(database, f"tmp:{run_id}")
            leases.release(database, f"cgroup:{cgroups_path}")


def _run(
    paths: Paths,
    runtime: probe.Program,
    step: Step,
    on_output: Callable[[int, bytes], None],
    run_id: str,
    cgroups_path: str,
) -> int:
    folder = f"{paths.tmp}/{run_id}"
    upper = paths.layer(step.snapshot_id)
    left: list[stubs.Stub] = []
    pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(2)]
    master = -1

    def inside(root: int) -> int:
        nonlocal master
        place = _Place(folder, folder, paths.runtime, run_id, cgroups_path)
        if step.is_confidential:
            place = place._replace(bundle=_memory(folder), state=_memory(folder) + "/state")
            mount.memory(place.bundle)
        mounts = step.stage(folder)
        stubs.make_lasting(root)
        left.extend(stubs.missing(root, step.destinations))
        _write_bundle(paths, runtime, step, place, root, mounts)
        if step.is_terminal:
            from sampan.runtime import console

            pid, master = console.spawn(runtime.path, _command(runtime, place), [run_id], folder)
            return pid
        return _spawn(runtime, place, step.stdin, pipes[0][1], pipes[1][1])

    try:
        pid = bundle.in_rootfs(
            paths, step.lower, upper=upper, work=folder + "/work", target=folder + "/merged", body=inside
        )
    except BaseException:
        for reader, writer in pipes:
            os.close(reader)
            os.close(writer)
        raise
    for _, writer in pipes:
        os.close(writer)
    fault.point("step.started")
    code, tail = _attended(pid, pipes[0][0], pipes[1][0], master, on_output, cgroups_path)
    stubs.remove(paths.layers, step.lower, upper, left)
    if code != 0 and not os.path.exists(folder + "/pid"):  # it never ran
        raise failures.start_failed(runtime.name, tail.decode(errors="replace"), step.args[0])
    return code


def _attended(
    pid: int, stdout: int, stderr: int, master: int, on_output: Callable[[int, bytes], None], cgroups_path: str
) -> tuple[int, bytes]:
    """Carry the streams of a step, and its terminal where it has one, until it ends: (exit code, the last of stderr).

    When interrupted, the step is killed.
    """
    try:
        if master >= 0:
            from sampan.runtime import console

            try:
                console.relay(master, 0, 1)
            finally:
                os.close(master)
        tail = _pump(stdout, stderr, on_output, pid, cgroups_path)
    except BaseException:
        cgroup.kill(cgroups_path)
        os.waitpid(pid, 0)
        raise
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return (code if code >= 0 else 128 - code), tail


class _Place(NamedTuple):
    """Where a step is at home: its folder, the bundle for the runtime, and where that keeps its state."""

    folder: str
    bundle: str
    state: str
    run_id: str
    cgroups_path: str


def _memory(folder: str) -> str:
    return f"{folder}/{MEMORY}"


def _write_bundle(
    paths: Paths, runtime: probe.Program, step: Step, place: _Place, root: int, mounts: tuple[SpecMount, ...]
) -> None:
    who = bundle.identity(root, step.user)
    os.close(files.make_directories(root, step.cwd))
    options = _spec_options(step, who, place, mounts)
    if step.is_privileged:
        bundle.write_config(place.bundle, options)
        return
    filter_ = seccomp.Filter(paths, runtime, step.capabilities)
    bundle.write_config(place.bundle, _filtered(options, filter_))
    if runtime.is_crun and not filter_.cached:
        _compile_filter(runtime, place, filter_)
        bundle.write_config(place.bundle, _filtered(options, seccomp.Filter(paths, runtime, step.capabilities)))


def _filtered(options: SpecOptions, filter_: seccomp.Filter) -> SpecOptions:
    return options._replace(seccomp=filter_.document, annotations=filter_.annotations)


def _spec_options(step: Step, who: users.Identity, place: _Place, mounts: tuple[SpecMount, ...]) -> SpecOptions:
    files_ = []
    for name, text in (("hosts", step.hosts), ("resolv.conf", step.resolv)):
        with open(f"{place.folder}/{name}", "w") as file:
            file.write(text)
        os.chmod(f"{place.folder}/{name}", 0o644)
        files_.append(SpecMount(f"/etc/{name}", "bind", f"{place.folder}/{name}", _ETC_OPTIONS))
    names = {entry.partition("=")[0] for entry in step.env}
    env = step.env if "PATH" in names else (f"PATH={defaults.DEFAULT_PATH}", *step.env)
    if "HOME" not in names:
        env = (*env, f"HOME={who.home}")
    options = SpecOptions(
        args=step.args,
        env=env,
        rootfs=place.folder + "/merged",
        cgroups_path=place.cgroups_path,
        cwd=step.cwd,
        user=who.user,
        hostname=step.hostname,
        mounts=(*files_, *mounts),
        shm_size=step.shm_size,
        network=step.network,
        cgroup="host" if probe.cgroup_version() == 1 else "private",
        capabilities=step.capabilities,
        rlimits=step.rlimits,
        terminal=step.is_terminal,
        oom_score_adj=None,
    )
    if step.is_privileged:
        return options._replace(
            privileged=True, writable_cgroups=True, devices=step.devices, masked_paths=(), readonly_paths=()
        )
    return options


def _compile_filter(runtime: probe.Program, place: _Place, filter_: seccomp.Filter) -> None:
    """Let crun compile the filter in a container that is created and never started; once per boot and profile."""
    arguments = ("create", "--bundle", place.bundle, place.run_id)
    if driver.call(runtime, place.state, arguments, quiet=True) == 0:
        filter_.keep(f"{place.state}/{place.run_id}")
    driver.delete(runtime, place.state, place.run_id, place.cgroups_path)


def _spawn(runtime: probe.Program, place: _Place, stdin: int, stdout: int, stderr: int) -> int:
    first = (os.POSIX_SPAWN_DUP2, stdin, 0) if stdin >= 0 else (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
    actions = [first, (os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stderr, 2)]
    command = [*_command(runtime, place), place.run_id]
    return os.posix_spawn(runtime.path, command, {"PATH": defaults.DEFAULT_PATH}, file_actions=actions)


def _command(runtime: probe.Program, place: _Place) -> list[str]:
    """The runtime's command, less the step's name."""
    command = [runtime.path, "--root", place.state, "run", "--bundle", place.bundle]
    return [*command, "--pid-file", place.folder + "/pid"]


def _pump(stdout: int, stderr: int, on_output: Callable[[int, bytes], None], runtime: int, cgroups_path: str) -> bytes:
    """Hand over both streams until they end; the last bytes of stderr are returned.

    When the process `runtime` is killed, the step, which would go on without it, is killed too.
    """
    tail = b""
    streams = {stdout: 1, stderr: 2}
    poll = select.poll()
    ended = os.pidfd_open(runtime)
    for fd in (*streams, ended):
        poll.register(fd, select.POLLIN)
    try:
        while streams:
            for fd, _ in cancellation.events(poll):
                if fd == ended:
                    poll.unregister(ended)
                    if _was_killed(ended):
                        cgroup.kill(cgroups_path)
                    continue
                data = os.read(fd, _CHUNK)
                if not data:
                    poll.unregister(fd)
                    del streams[fd]
                    continue
                if streams[fd] == 2:
                    tail = (tail + data)[-4096:]
                on_output(streams[fd], data)
    finally:
        os.close(stdout)
        os.close(stderr)
        os.close(ended)
    return tail


def _was_killed(pidfd: int) -> bool:
    """Whether a child of ours that has ended was ended by a signal; it stays to be waited for."""
    result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    return result is not None and result.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
