"""Programs that get nothing of ours: an environment that is given, no terminal, a usual umask."""

import os
from collections.abc import Mapping, Sequence

from sampan.errors import Unavailable


def run(
    command: Sequence[str], *, environment: Mapping[str, str], folder: str, timeout_seconds: float
) -> tuple[int, str, str]:
    """Run a program to its end in a folder: (exit code, stdout, stderr). `environment` is all that it has.

    Raises FileNotFoundError when there is no such program, Unavailable when it does not end in time; it is then killed
    with all that it started, as it is when we are interrupted.
    """
    import signal
    import subprocess

    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        cwd=folder,
        umask=0o022,
        start_new_session=True,
        encoding="utf-8",
        errors="replace",
    ) as child:
        try:
            out, err = child.communicate(timeout=timeout_seconds)
        except BaseException as error:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise Unavailable(f"{command[0]} did not end within {timeout_seconds:.0f} s") from None
            raise
    return child.returncode, out, err
