"""Control groups, both versions: find a group's processes, end them, remove it. Paths are as in `cgroupsPath`."""

import errno
import os
import threading
import time
from collections.abc import Iterator

from sampan.linux import process

MOUNT = "/sys/fs/cgroup"
_SIGKILL = 9  # the module signal makes enumerations when it is imported, which a start does without


def folders(path: str) -> Iterator[str]:
    """The group's folder in every hierarchy where it exists."""
    for root in _hierarchies():
        folder = root + path
        if os.path.isdir(folder):
            yield folder


def _hierarchies() -> list[str]:
    if os.path.exists(MOUNT + "/cgroup.controllers"):
        return [MOUNT]
    return [entry.path for entry in os.scandir(MOUNT) if entry.is_dir(follow_symlinks=False)]


def processes(path: str) -> frozenset[int]:
    """Pids in the group and the groups below it."""
    found: set[int] = set()
    for folder in folders(path):
        for directory, _, _ in os.walk(folder):
            try:
                with open(directory + "/cgroup.procs") as file:
                    found.update(int(line) for line in file)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENODEV):
                    raise
    return frozenset(found)


def kill(path: str, *, timeout_seconds: float = 10.0) -> None:
    """Send SIGKILL to everything in the group until nothing is left in it."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        # A process that has ended counts until its parent has waited for it, which may be an init that takes its time.
        pids = [pid for pid in processes(path) if process.start_time(pid)]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, _SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.002)


def end(path: str) -> None:
    """Kill what is left in the group and remove it. In the usual case nothing is left, and that is one call a
    hierarchy."""
    left = []
    for root in _hierarchies():
        try:
            os.rmdir(root + path)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
                raise
            left.append(root)
    if left:
        kill(path)
        remove(path)


def remove(path: str) -> bool:
    """Remove the group and those below it, in every hierarchy; False when something was still in use."""
    gone = True
    for folder in folders(path):
        for directory, _, _ in os.walk(folder, topdown=False):
            gone = _remove_folder(directory) and gone
    return gone


def _remove_folder(folder: str) -> bool:
    # A process that has ended may be counted for some milliseconds more.
    for pause in (0.0, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064):
        try:
            if pause:
                time.sleep(pause)
            os.rmdir(folder)
        except FileNotFoundError:
            return True
        except OSError as error:
            # Not empty: where cgroup2 is covered by a tmpfs, the runtime writes plain files; they go with the mount.
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
                raise
        else:
            return True
    return False


def hasten() -> None:
    """Let the kernel prepare for a process that changes its group soon.

    The first such change after a while waits for an RCU grace period, 6 to 15 ms in which a starting container would
    do nothing; changes in the 15 ms after it do not. Moving ourselves to where we are is such a change too: a thread
    does it while there is other work, and repeats it until the runtime will have come to its own change. Where that is
    not allowed nothing is lost but the time.
    """
    try:
        group = _own_group()
    except (OSError, StopIteration):
        return
    threading.Thread(target=_move_in_place, args=(group,), name="cgroup", daemon=True).start()


def _own_group() -> int:
    """The file that takes new members of the group that we are in."""
    with open("/proc/self/cgroup") as file:
        entries = [line.rstrip("\n").split(":", 2) for line in file]
    hierarchies = ((f"{MOUNT}/{names}" if names else MOUNT, path) for _, names, path in entries)
    folder = next(root + path for root, path in hierarchies if os.path.exists(f"{root}/cgroup.procs"))
    return os.open(f"{folder}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)


_REPEAT_SECONDS = 0.006  # well within the 15 ms, as a thread waits for the interpreter, too
_REPEATS = 12
_NO_LIMIT = 1 << 60  # version 1 says no limit as the largest number of pages


def _move_in_place(group: int) -> None:
    # Each call that lets the interpreter go waits up to 5 ms until it gets it back: as few of them as possible.
    try:
        for _ in range(_REPEATS):
            os.write(group, b"0")
            time.sleep(_REPEAT_SECONDS)
    except OSError:
        return
    finally:
        os.close(group)


def memory_limit(path: str) -> int:
    """Bytes that processes in a group may have, the lowest limit of it and those above it; 0 where there is none."""
    limits: list[int] = []
    for folder in folders(path):
        while len(folder) > len(MOUNT):
            for name in ("memory.limit_in_bytes", "memory.max"):
                limits += _number(f"{folder}/{name}")
            folder = os.path.dirname(folder)
    return min((limit for limit in limits if limit < _NO_LIMIT), default=0)


def _number(path: str) -> list[int]:
    """The number that a file of the kernel holds, as a list; [] where it is not there or says "max"."""
    try:
        with open(path) as file:
            text = file.read().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []


def write(path: str, name: str, text: str) -> None:
    """Write into the group's file `name`, where there is one. Raises OSError."""
    for folder in folders(path):
        if os.path.exists(f"{folder}/{name}"):
            with open(f"{folder}/{name}", "w") as file:
                file.write(text)


def freeze(path: str) -> None:
    """Stop everything in the group where it is. Raises OSError."""
    _set_frozen(path, "FROZEN", "1")


def wait_frozen(path: str, timeout_seconds: float) -> bool:
    """Wait until everything in the group stands still; False when something did not in time. There is no event for it
    in cgroup v1."""
    until = time.monotonic() + timeout_seconds
    while not _is_frozen(path):
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
    return True


def _is_frozen(path: str) -> bool:
    for folder in folders(path):
        for name, wanted in (("freezer.state", "FROZEN\n"), ("cgroup.events", "frozen 1\n")):
            place = f"{folder}/{name}"
            if name == "cgroup.events" and not os.path.exists(f"{folder}/cgroup.freeze"):
                continue
            if os.path.exists(place):
                with open(place) as file:
                    if wanted not in file.read():
                        return False
    return True


def thaw(path: str) -> None:
    """Let a frozen group go on."""
    _set_frozen(path, "THAWED", "0")


def _set_frozen(path: str, legacy: str, unified: str) -> None:
    for folder in folders(path):
        for name, text in (("freezer.state", legacy), ("cgroup.freeze", unified)):
            if os.path.exists(f"{folder}/{name}"):
                with open(f"{folder}/{name}", "w") as file:
                    file.write(text)
