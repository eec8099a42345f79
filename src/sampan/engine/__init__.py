"""The public Python face. It composes the rooms below; the faces (CLI, API, supervisor) only talk to it.

from sampan import Engine
engine = Engine()
container = engine.run("busybox", ["echo", "hello"], detach=True)
"""

from sampan.engine.engine import Engine

__all__ = ["Engine"]
