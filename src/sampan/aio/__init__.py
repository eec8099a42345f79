"""The public Python face for asyncio.

from sampan.aio import AsyncEngine

async with AsyncEngine() as engine:
    async with await engine.run("busybox", ["sleep", "100"]) as container:
        print(await container.exec(["hostname"]))
"""

from sampan.aio.engine import (
    AsyncContainer,
    AsyncContainers,
    AsyncEngine,
    AsyncImages,
    AsyncImageTools,
    AsyncManifestLists,
    AsyncNetworks,
    AsyncRegistries,
    AsyncSystem,
    AsyncVolumes,
)

__all__ = [
    "AsyncContainer",
    "AsyncContainers",
    "AsyncEngine",
    "AsyncImageTools",
    "AsyncImages",
    "AsyncManifestLists",
    "AsyncNetworks",
    "AsyncRegistries",
    "AsyncSystem",
    "AsyncVolumes",
]
