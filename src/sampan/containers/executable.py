"""Whether a command can be found in a running container, before the runtime is asked.

The runtime writes its complaint to the streams of the process that it could not make: what can be known beforehand is
said in the engine's words instead. What is not certain (links, permissions of users) is left to the runtime.
"""

import errno
import os
import stat

from sampan.errors import StartFailed
from sampan.linux import files

_PREFIX = "OCI runtime exec failed: exec failed: unable to start container process: "
_NAME = os.O_PATH | os.O_NOFOLLOW


def check(root: int, command: str, env: tuple[str, ...], cwd: str) -> None:
    """`root` is a descriptor of the container's root, `cwd` the process's folder in it. Raises StartFailed."""
    if not cwd.startswith("/"):
        raise StartFailed("OCI runtime exec failed: exec failed: Cwd must be an absolute path", exit_code=128)
    _check_folder(root, cwd)
    if "/" in command:
        path = command if command.startswith("/") else f"{cwd}/{command}"
        if not path.startswith("/proc/"):
            _check_file(command, _mode(root, path))
        return
    search = next((entry[5:] for entry in env if entry.startswith("PATH=")), "")
    modes = [_mode(root, f"{folder or cwd}/{command}") for folder in search.split(":")]
    if not any(mode is None or _is_executable(mode) for mode in modes):
        raise StartFailed(
            f'{_PREFIX}exec: "{command}": executable file not found in $PATH',
            exit_code=127,
            hint="is the command in the image? `sampan exec -it CONTAINER sh` lets you look",
        )


def _check_folder(root: int, path: str) -> None:
    if path == "/" or path.startswith("/proc"):
        return
    try:
        os.close(files.open_in_root(root, path, os.O_PATH | os.O_DIRECTORY))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            reason = (error.strerror or "").lower()
            raise StartFailed(
                f'{_PREFIX}chdir to cwd ("{path}") set in config.json failed: {reason}',
                exit_code=127,
            ) from error


def _check_file(command: str, mode: int | None) -> None:
    if mode == 0:
        raise StartFailed(f'{_PREFIX}exec: "{command}": stat {command}: no such file or directory', exit_code=127)
    if mode is not None and stat.S_ISDIR(mode):
        raise StartFailed(f'{_PREFIX}exec: "{command}": is a directory: permission denied', exit_code=126)
    if mode is not None and not _is_executable(mode):
        raise StartFailed(
            f'{_PREFIX}exec: "{command}": permission denied', exit_code=126, hint="is it executable? chmod +x"
        )


def _is_executable(mode: int) -> bool:
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def _mode(root: int, path: str) -> int | None:
    """st_mode of what has that name, 0 when nothing has, None when only the container itself can tell."""
    try:
        fd = files.open_in_root(root, path, _NAME)
    except OSError as error:
        return 0 if error.errno in (errno.ENOENT, errno.ENOTDIR) else None
    try:
        mode = os.fstat(fd).st_mode
    finally:
        os.close(fd)
    return None if stat.S_ISLNK(mode) else mode
