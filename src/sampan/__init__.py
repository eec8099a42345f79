"""sampan: builds container images from Dockerfiles, ships them and runs them; no daemon.

    from sampan import Engine
    engine = Engine()

What is named in `__all__` is public. It is imported on first use, so that `import sampan.errors` stays cheap.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Engine", "__version__"]

if TYPE_CHECKING:
    from sampan.engine import Engine
    from sampan.version import VERSION as __version__


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from sampan.version import VERSION

        return VERSION
    if name == "Engine":
        from sampan.engine import Engine

        return Engine
    raise AttributeError(f"module 'sampan' has no attribute {name!r}")
