"""An engine on a private root with busybox:latest, closed without a trace: for tests of what no command shows."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from sampan.engine import Engine
from sampan.images.busybox import busybox
from sampan.storage.paths import paths_of
from sampan.testing import leftovers
from sampan.testing.roots import LeftBehind
from sampan.testing.sweep import sweep


@contextmanager
def opened(root: str) -> Iterator[Engine]:
    """The engine of `root`, which does not exist yet. Raises LeftBehind when shutdown left something."""
    paths = paths_of(root)
    try:
        with Engine(root) as engine:
            busybox(engine.database, engine.paths)
            yield engine
            engine.system.shutdown(timeout_seconds=0)
        found = leftovers.wait_until_gone([paths])
        if found:
            raise LeftBehind("left behind:\n" + "\n".join(map(str, found)))
    finally:
        sweep(paths)
        for folder in (root, paths.run):
            if os.path.isdir(folder):
                subprocess.run(["rm", "-rf", "--one-file-system", folder], check=False)
