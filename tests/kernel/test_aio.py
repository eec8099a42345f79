"""The face for asyncio: the same methods, awaited; streams; what cancelling leaves behind, which is nothing."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.aio import AsyncEngine
from sampan.builder.options import BuildOptions
from sampan.containers.options import LogOptions, RunOptions
from sampan.errors import NotFound
from sampan.linux import process
from sampan.testing.command import Sampan
from sampan.testing.roots import busybox_store, copied
from sampan.testing.waiting import until


@pytest.fixture(scope="module")
def yard(base: str) -> Iterator[Sampan]:
    with copied(busybox_store(base), base + "/aio") as sampan:
        yield sampan


def run(yard: Sampan, work: Any) -> None:
    """Run `work(engine)` in a loop of its own; no thread of it is left."""

    async def body() -> None:
        async with AsyncEngine(yard.root) as engine:
            await asyncio.wait_for(work(engine), 60)

    before = set(threading.enumerate())
    asyncio.run(body())
    until(lambda: set(threading.enumerate()) <= before, "threads have ended")


def test_a_container_lives_within_async_with(yard: Sampan) -> None:
    async def work(engine: AsyncEngine) -> None:
        async with await engine.run("busybox", ["sleep", "1000"], name="guest") as container:
            assert (container.name, container.status) == ("guest", "running")
            assert await container.exec(["echo", "hi"]) == (0, b"hi\n")
            assert [one.name for one in await engine.containers.list()] == ["guest"]
            await container.stop(0)
            assert (await container.reload()).status == "exited"
            assert await container.wait() == 137
        with pytest.raises(NotFound):
            await engine.containers.get("guest")

    run(yard, work)


def test_calls_run_at_once(yard: Sampan) -> None:
    async def work(engine: AsyncEngine) -> None:
        async def one(number: int) -> bytes:
            options = RunOptions("busybox", ("sh", "-c", f"echo {number}"), network="none")
            async with await engine.containers.run(options) as container:
                assert await container.wait() == 0
                return await container.logs()

        found = await asyncio.gather(*(one(number) for number in range(8)))
        assert found == [b"%d\n" % number for number in range(8)]

    run(yard, work)


def test_logs_are_followed_to_their_end(yard: Sampan) -> None:
    async def work(engine: AsyncEngine) -> None:
        options = RunOptions("busybox", ("sh", "-c", "for i in $(seq 3000); do echo $i; done"))
        async with await engine.containers.run(options) as container:
            parts = [line.text async for line in engine.containers.logs(container.id, LogOptions(follow=True))]
            assert b"".join(parts) == b"".join(b"%d\n" % number for number in range(1, 3001))
            assert await container.logs() == b"".join(parts)

    run(yard, work)


def test_an_error_comes_out_of_a_stream(yard: Sampan) -> None:
    async def work(engine: AsyncEngine) -> None:
        with pytest.raises(NotFound):
            async for _ in engine.containers.logs("nobody"):
                raise AssertionError

    run(yard, work)


def test_statistics_come_until_nobody_listens(yard: Sampan) -> None:
    async def work(engine: AsyncEngine) -> None:
        async with await engine.run("busybox", ["sleep", "1000"]) as container:
            async for found in engine.containers.stats([container.id]):
                assert [one.record.id for one in found] == [container.id]
                break

    run(yard, work)


async def cancelled(work: Coroutine[Any, Any, object], ready: asyncio.Event | None = None) -> None:
    """Begin `work`, cancel it, and see that it was."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.05) if ready is None else await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_who_is_cancelled_leaves_no_thread_behind(yard: Sampan) -> None:
    async def work(engine: AsyncEngine) -> None:
        script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
        async with await engine.run("busybox", ["sh", "-c", script]) as container:
            ready = asyncio.Event()

            async def read() -> None:
                async for _ in engine.containers.logs(container.id, LogOptions(follow=True)):
                    ready.set()

            await cancelled(read(), ready)
            await cancelled(container.wait())
            await cancelled(container.stop(-1))
            await cancelled(container.exec(["sh", "-c", "sleep 987654"]))
            _, rows = await engine.containers.top(container.id)
            assert not [row for row in rows if "987654" in row[-1]]
            assert (await container.reload()).status == "running"

    run(yard, work)


def test_a_build_that_is_cancelled_ends_its_step(yard: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox AS one\nRUN echo begun && sleep 987653\n"
        "FROM busybox AS two\nRUN echo begun && sleep 987653\n"
        "FROM busybox\nCOPY --from=one / /a\nCOPY --from=two / /b\n"
    )

    async def work(engine: AsyncEngine) -> None:
        for target in ("one", ""):  # one stage in the calling thread, two in threads of their own
            loop, ready = asyncio.get_running_loop(), asyncio.Event()

            def heard(event: object, loop: asyncio.AbstractEventLoop = loop, ready: asyncio.Event = ready) -> None:
                if getattr(event, "line", "") == "begun":
                    loop.call_soon_threadsafe(ready.set)

            await cancelled(engine.build(BuildOptions(context=str(tmp_path), target=target), heard), ready)
            assert process.with_argument("987653", ["sleep", "busybox"]) == []
            assert await engine.system.check() == []

    run(yard, work)


def test_what_happens_is_heard(yard: Sampan) -> None:
    async def work(engine: AsyncEngine) -> None:
        async def first_end() -> str:
            async for event in engine.events(filters={"event": ["die"]}):
                return event.actor
            raise AssertionError

        listener = asyncio.ensure_future(first_end())
        async with await engine.run("busybox", ["true"]) as container:
            await container.wait()
            while not listener.done():  # it may have begun to listen after the first
                await engine.containers.restart(container.id, timeout_seconds=0)
                await container.wait()
            assert await listener == container.id

    run(yard, work)
