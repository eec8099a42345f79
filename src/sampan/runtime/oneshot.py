"""A process without a monitor, for a build's RUN: it runs, its output is handed over, its exit code comes back."""

import os
import select
from collections.abc import Callable
from typing import NamedTuple

from sampan.linux import cancellation, cgroup, fault, files
from sampan.runtime import bundle, defaults, driver, failures, probe, seccomp, users
from sampan.runtime.spec import SpecMount, SpecOptions
from sampan.storage import leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_CHUNK = 1 << 16
_NAMES = ("etc/hosts", "etc/resolv.conf")


class Step(NamedTuple):
    """One process in a build.

    `lower` are snapshot ids, lowest first; `snapshot_id` is the snapshot that receives the changes. `user` is as in
    USER. `network` is "private" (no network but loopback), "host", or the path of a network namespace. `hosts` and
    `resolv` are the texts of the files that it sees in /etc, which are not part of the snapshot.
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
    mounts: tuple[SpecMount, ...] = ()
    shm_size: int = 67108864
    stdin: int = -1  # a descriptor to read from, -1 = /dev/null


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
    folder, cgroups_path = f"{paths.tmp}/{run_id}", f"{paths.cgroup}/build-{run_id}"
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
    filter_ = seccomp.Filter(paths, runtime, defaults.DEFAULT_CAPABILITIES)
    stubs: list[str] = []
    pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(2)]

    def inside(root: int) -> int:
        stubs.extend(_missing(root, step))
        who = bundle.identity(root, step.user)
        os.close(files.make_directories(root, step.cwd))
        bundle.write_config(folder, _spec_options(step, who, filter_, folder, cgroups_path))
        if runtime.is_crun and not filter_.cached:
            compiled = _compile_filter(paths, runtime, run_id, folder, cgroups_path, filter_)
            bundle.write_config(folder, _spec_options(step, who, compiled, folder, cgroups_path))
        return _spawn(runtime, paths, run_id, folder, step.stdin, pipes[0][1], pipes[1][1])

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
    try:
        tail = _pump(pipes[0][0], pipes[1][0], on_output, pid, cgroups_path)
    except BaseException:
        cgroup.kill(cgroups_path)
        os.waitpid(pid, 0)
        raise
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    _remove_stubs(upper, stubs)
    started = os.path.exists(folder + "/pid")
    if code != 0 and not started:
        raise failures.start_failed(runtime.name, tail.decode(errors="replace"), step.args[0])
    return code if code >= 0 else 128 - code


def _spec_options(
    step: Step, who: users.Identity, filter_: seccomp.Filter, folder: str, cgroups_path: str
) -> SpecOptions:
    files_ = []
    for name, text in (("hosts", step.hosts), ("resolv.conf", step.resolv)):
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
        os.chmod(f"{folder}/{name}", 0o644)
        files_.append(SpecMount(f"/etc/{name}", "bind", f"{folder}/{name}", ("rbind", "rprivate")))
    names = {entry.partition("=")[0] for entry in step.env}
    env = step.env if "PATH" in names else (f"PATH={defaults.DEFAULT_PATH}", *step.env)
    if "HOME" not in names:
        env = (*env, f"HOME={who.home}")
    return SpecOptions(
        args=step.args,
        env=env,
        rootfs=folder + "/merged",
        cgroups_path=cgroups_path,
        cwd=step.cwd,
        user=who.user,
        hostname=step.hostname,
        mounts=(*files_, *step.mounts),
        shm_size=step.shm_size,
        network=step.network,
        cgroup="host" if probe.cgroup_version() == 1 else "private",
        seccomp=filter_.document,
        annotations=filter_.annotations,
        oom_score_adj=None,
    )


def _compile_filter(
    paths: Paths, runtime: probe.Program, run_id: str, folder: str, cgroups_path: str, filter_: seccomp.Filter
) -> seccomp.Filter:
    """Let crun compile the filter in a container that is created and never started; once per boot and profile."""
    arguments = ("create", "--bundle", folder, run_id)
    if driver.call(runtime, paths.runtime, arguments, quiet=True) == 0:
        filter_.keep(f"{paths.runtime}/{run_id}")
    driver.delete(runtime, paths.runtime, run_id, cgroups_path)
    return seccomp.Filter(paths, runtime, defaults.DEFAULT_CAPABILITIES)


def _spawn(runtime: probe.Program, paths: Paths, run_id: str, folder: str, stdin: int, stdout: int, stderr: int) -> int:
    command = [runtime.path, "--root", paths.runtime, "run", "--bundle", folder, "--pid-file", folder + "/pid"]
    first = (os.POSIX_SPAWN_DUP2, stdin, 0) if stdin >= 0 else (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
    actions = [first, (os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stderr, 2)]
    return os.posix_spawn(runtime.path, [*command, run_id], {"PATH": defaults.DEFAULT_PATH}, file_actions=actions)


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


def _missing(root: int, step: Step) -> list[str]:
    """Mount points that the runtime will have to make, deepest last: they are no change of the step's."""
    wanted = [mount.destination.strip("/") for mount in step.mounts]
    found = []
    for path in ("dev", "proc", "sys", "etc", *_NAMES, *wanted):
        try:
            os.close(files.open_in_root(root, path, os.O_PATH))
        except FileNotFoundError:
            found.append(path)
    return found


def _remove_stubs(upper: str, stubs: list[str]) -> None:
    """Take mount points out of the snapshot again, unless the step put something into them."""
    root = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for path in reversed(stubs):
            folder, _, name = path.rpartition("/")
            try:
                parent = files.open_in_root(root, folder or ".", os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                continue
            try:
                status = os.stat(name, dir_fd=parent, follow_symlinks=False)
                if status.st_mode & 0o170000 == 0o040000:
                    os.rmdir(name, dir_fd=parent)
                elif status.st_size == 0:
                    os.unlink(name, dir_fd=parent)
            except OSError:
                continue  # not there, or not empty: then it is the step's own
            finally:
                os.close(parent)
    finally:
        os.close(root)
