"""Small bodies of requests: how long they may take to come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sampan.registry.server.problems import problem

IDLE_SECONDS = 300


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Read a small body whole. Raises UNKNOWN (408) when it takes longer than the next bytes of a large one may."""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            yield
    except TimeoutError:
        raise problem("UNKNOWN", "the body did not come in time", status=408) from None
