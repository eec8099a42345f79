"""Do something in the network of another process."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bench.stopwatch import enter

T = TypeVar("T")


def within(pid: int, work: Callable[[], T]) -> T:
    """What `work` gives, in a thread that has the network of process `pid` and is thrown away; 0: in the own one.

    Sockets and processes that it makes stay in that network. The process has to outlive the thread.
    """
    if not pid:
        return work()

    def entered() -> T:
        enter(pid, ("net",))
        return work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(entered).result()
