"""Containers for tests. For other projects: the fixtures of `plugin`, which pytest finds by itself, `services` without
pytest, and the conditions `healthy`, `log_line`, `port`, `http`, `running`.

For sampan's own tests: private roots, a small image, the command as a function, crash points, a check that nothing is
left.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["NotReady", "Service", "Services", "Started", "healthy", "http", "log_line", "port", "running"]

if TYPE_CHECKING:
    from sampan.testing.ready import Started, healthy, http, log_line, port, running
    from sampan.testing.services import NotReady, Service, Services

_READY = ("Started", "healthy", "http", "log_line", "port", "running")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'sampan.testing' has no attribute {name!r}")
    from sampan.testing import ready, services

    return getattr(ready if name in _READY else services, name)
