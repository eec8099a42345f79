"""One registry: its medium and what works on it, its limits, and the threads in which all that blocks runs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from sampan.registry.server.content import Content
from sampan.registry.server.manifests import Manifests
from sampan.registry.server.medium import Medium
from sampan.registry.server.quota import Quota
from sampan.registry.server.uploads import Uploads

T = TypeVar("T")
_THREADS = 32


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry accepts. 0: no limit."""

    manifest_bytes: int = 4 << 20
    blob_bytes: int = 0
    uploads: int = 1024
    total_bytes: int = 0
    repository_bytes: int = 0
    is_read_only: bool = False
    allows_delete: bool = True


class Registry:
    def __init__(self, medium: Medium, limits: Limits) -> None:
        self.medium = medium
        self.limits = limits
        self.content = Content(medium)
        self.manifests = Manifests(self.content)
        self.uploads = Uploads(self.content)
        self.quota = Quota(self.content, limits.total_bytes, limits.repository_bytes)
        self.receiving = 0  # bodies of blobs that are being received
        self.written: dict[str, asyncio.Event] = {}  # by upload: set when the request that writes to it is done
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="registry")

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Do what blocks in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def start(self, function: Callable[..., T], *arguments: object) -> "asyncio.Future[T]":
        """As `run`, and go on meanwhile."""
        return asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
