"""Wait until something is so: for what the outside gives no event."""

import time
from collections.abc import Callable


class NeverSo(AssertionError):
    """A condition did not come true in time."""


def until(condition: Callable[[], bool], what: str, timeout_seconds: float = 30) -> None:
    """Return once `condition()` is true. Raises NeverSo with `what` in its message."""
    end = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > end:
            raise NeverSo(f"not so after {timeout_seconds:.0f} s: {what}")
        time.sleep(0.02)
