"""A few seconds of the soak: random verbs at once, some of them killed, leave nothing. `make soak` is the long one."""

import os
import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parents[2] / "scripts/soak"


def test_a_short_soak_leaves_nothing() -> None:
    environment = {**os.environ, "SOAK_SECONDS": "6", "SOAK_CONTAINERS": "5", "SOAK_WORKERS": "3"}
    done = subprocess.run(
        [sys.executable, str(SOAK)], env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 leaks and failures" in done.stdout
