"""Whoever kills the supervisor has not ended it: its parent, which does nothing else, starts another."""

import os
import sys
import time
from collections.abc import Sequence

_PAUSE_SECONDS = 1.0
"""Between its end and the next start: one that is killed again and again must cost little."""
_SIGTERM = 15  # the module signal costs an import


def divide(root: str, held: Sequence[int]) -> None:
    """Return in a child, which is to be the supervisor; this process waits for its end and never returns.

    A supervisor that ends by itself, or after SIGTERM, is not needed any more. `held` are descriptors for the child
    alone. A fault that is planned in the supervisor (see linux/fault.py) kills it for good.
    """
    if os.environ.get("SAMPAN_FAULT"):
        return
    child = os.fork()
    if child == 0:
        return
    for descriptor in held:
        os.close(descriptor)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != _SIGTERM and os.path.isdir(root):
        time.sleep(_PAUSE_SECONDS)
        command = (sys.executable, "-I", "-m", "sampan.supervisor", "--root", root, "watch")
        os.execv(command[0], command)
    os._exit(0)
