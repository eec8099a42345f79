"""Overlay mounts."""

import errno
import os
from collections.abc import Sequence

from sampan.linux import namespace, syscall

_EMPTY = "/run/sampan/empty"


def overlay(layers_folder: str, lower: Sequence[str], upper: str, work: str, target: str) -> None:
    """Mount overlayfs at `target`; `lower` are names below `layers_folder`, lowest first. Raises OSError.

    mount(2) takes one page of options, and forty layers with long paths overflow it: names are given relative to the
    layers' folder, which becomes the working directory. Call it only in a thread of `namespace.in_private_mounts`.
    An image without layers gets an empty folder below, because overlayfs wants one.
    """
    os.chdir(layers_folder)
    names = _topmost_first(lower) or [_empty_folder()]
    # index=off and metacopy=off: an upper directory must stay usable as a layer, whatever the kernel's defaults are.
    places = f"lowerdir={':'.join(names)},upperdir={escaped(upper)},workdir={escaped(work)}"
    options = f"{places},index=off,metacopy=off,redirect_dir=off"
    try:
        syscall.mount("overlay", target, "overlay", 0, options)
    except OSError as error:
        raise OSError(error.errno, f"cannot mount overlay of {len(names)} layers: {error.strerror}", target) from error


def _topmost_first(lower: Sequence[str]) -> list[str]:
    """Each layer once: overlayfs refuses a folder that is given twice (ELOOP), as images with two equal layers would
    have it. All that the lower of two equal ones holds, the upper one holds too."""
    return list(dict.fromkeys(reversed(lower)))


def memory(target: str) -> None:
    """Mount memory of root's own at `target`, which is made: it is never written to a swap where the kernel (6.4) can
    promise that. Call it only in a thread of `namespace.in_private_mounts`."""
    os.mkdir(target, 0o700)
    flags = syscall.MS_NOSUID | syscall.MS_NODEV
    try:
        syscall.mount("tmpfs", target, "tmpfs", flags, "mode=700,size=64m,noswap")
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        syscall.mount("tmpfs", target, "tmpfs", flags, "mode=700,size=64m")


def bind(fd: int, place: str) -> None:
    """Bind what is open to `place`, which is made. Call it only in a thread of `namespace.in_private_mounts`."""
    source = f"/proc/self/fd/{fd}"
    if os.path.isdir(source):
        os.mkdir(place, 0o700)
    else:
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    syscall.mount(source, place, "", syscall.MS_BIND)


def escaped(path: str) -> str:
    """A path as a mount option of overlayfs: a comma in it would begin the next option."""
    return path.replace("\\", "\\\\").replace(",", "\\,")


def _empty_folder() -> str:
    os.makedirs(_EMPTY, 0o755, exist_ok=True)
    return _EMPTY


def overlay_root(layers_folder: str, lower: Sequence[str], upper: str, work: str) -> int:
    """A directory descriptor of a merged view that is mounted nowhere: it is gone when the descriptor is closed.

    The mount namespace that it was mounted in ends here; the descriptor keeps the file system alive. `upper` and `work`
    are absolute paths on one file system. Raises OSError.
    """

    def body() -> int:
        overlay(layers_folder, lower, upper, work, upper)
        return os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    return namespace.in_private_mounts(body)


def lower_view(layers_folder: str, lower: Sequence[str], target: str) -> None:
    """Mount the merged view of layers (lowest first) at `target`, to read from. Where overlay() may be called."""
    if not lower:
        return
    os.chdir(layers_folder)
    # Overlayfs wants two at least where nothing can be written.
    names = _topmost_first(lower)
    names += [_empty_folder()] if len(names) < 2 else []
    syscall.mount("overlay", target, "overlay", syscall.MS_RDONLY, f"lowerdir={':'.join(names)}")


def lower_root(layers_folder: str, lower: Sequence[str]) -> int:
    """A directory descriptor of the merged view of layers (lowest first), to read from; mounted nowhere."""

    def body() -> int:
        target = _empty_folder()
        lower_view(layers_folder, lower, target)
        return os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    return namespace.in_private_mounts(body)


def bare_root(pid: int) -> int:
    """A directory descriptor of the root file system of the process `pid`, without what is mounted in it. Raises
    OSError."""
    mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:

        def body() -> int:
            # A thread shares its root with the others, and setns(2) wants one of its own.
            syscall.unshare(syscall.CLONE_FS)
            syscall.setns(mounts, syscall.CLONE_NEWNS)
            root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                copy = syscall.clone_mount(root)
            finally:
                os.close(root)
            try:
                return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=copy)
            finally:
                os.close(copy)

        return namespace.in_own_thread(body)
    finally:
        os.close(mounts)
