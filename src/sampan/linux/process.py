"""Processes: who is alive, and the only way to other programs."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence


def start_time(pid: int) -> int:
    """Start time of `pid` in clock ticks since boot (field 22 of /proc/PID/stat), 0 when there is no such process.

    A pid alone may have been given to another process since; with its start time it names one process for a whole boot.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    fields = stat[stat.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X"):
        return 0
    return int(fields[19])


def age_seconds(started: int) -> float:
    """How long ago a process with this start time began, whatever the clock was set to since."""
    import time

    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK"), 0.0)


def is_alive(pid: int, started: int) -> bool:
    """Whether the process `pid` that started at `started` still runs (a zombie does not)."""
    return pid > 0 and started > 0 and start_time(pid) == started


def wait_gone(pid: int, started: int, timeout_seconds: float, *, is_cancellable: bool = False) -> bool:
    """Wait until the process that started at `started` has ended: whether it has. Raises Cancelled where the caller can
    bear it."""
    if not is_alive(pid, started):
        return True
    import select

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if is_cancellable:
            from sampan.linux import cancellation

            cancellation.wait(descriptor, timeout_seconds)
        else:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(timeout_seconds * 1000)
    finally:
        os.close(descriptor)
    return not is_alive(pid, started)


def with_argument(argument: str, programs: Collection[str]) -> list[tuple[int, int]]:
    """(pid, start time) of the processes of `programs`, names without folder, that have `argument` on their command
    line. It reads a file of every process: for repairs."""
    wanted, found = argument.encode(), []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if wanted in words and os.path.basename(words[0]).decode(errors="replace") in programs:
            started = start_time(int(name))
            found += [(int(name), started)] if started else []
    return found


def boot_id() -> str:
    """The kernel's identifier of this boot."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def run(command: Sequence[str], *, input_text: str = "", timeout_seconds: float = 600) -> tuple[int, str, str]:
    """Run a program to its end: (exit code, stdout, stderr). Not for the start path: subprocess is imported here.

    Raises FileNotFoundError when there is no such program.
    """
    import subprocess

    done = subprocess.run(
        list(command), input=input_text, capture_output=True, text=True, timeout=timeout_seconds, errors="replace"
    )
    return done.returncode, done.stdout, done.stderr


def own_identity() -> tuple[int, int, str]:
    """(pid, start time, boot id) of this process: what a lease is held by."""
    pid = os.getpid()
    return pid, start_time(pid), boot_id()


def stream(
    command: Sequence[str], on_line: Callable[[str], object], *, environment: Mapping[str, str] | None = None
) -> int:
    """Run a program to its end, give each line of its output to `on_line`, and return its exit code.

    Standard output and error are one, `environment` is added to this process's. When `on_line` raises, or this process
    is interrupted, the program is ended first. Raises FileNotFoundError. Not for the start path.
    """
    import subprocess

    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                on_line(line.rstrip("\n"))
        except BaseException:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
            raise
        return child.wait()
