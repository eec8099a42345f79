"""What the registry has done, in the text format of Prometheus (version 0.0.4)."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_HELP = {
    "requests_total": ("counter", "Requests by kind of resource, method and status"),
    "request_seconds": ("histogram", "Time to answer, by kind of resource"),
    "requests_in_flight": ("gauge", "Requests that are being answered"),
    "received_bytes_total": ("counter", "Bytes of bodies that came"),
    "sent_bytes_total": ("counter", "Bytes of bodies that were sent"),
    "collections_total": ("counter", "Collections of garbage by this process"),
    "collected_bytes_total": ("counter", "Bytes that these freed"),
    "fetched_total": ("counter", "Manifests and blobs that came from the upstream"),
    "fetched_bytes_total": ("counter", "Bytes of blobs that came from the upstream"),
    "start_time_seconds": ("gauge", "When this process began to serve"),
}


class Metrics:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.time()
        self._in_flight = 0
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(_BOUNDS) + 1))
        self._seconds: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)

    def begin(self) -> float:
        self._in_flight += 1
        return time.monotonic()

    def end(self, begun: float, kind: str, method: str, status: int, sent_bytes: int) -> None:
        """A request that began at `begun` was answered. Only the event loop's thread counts requests."""
        self._in_flight -= 1
        seconds = time.monotonic() - begun
        self._requests[kind, method if method in _METHODS else "other", status] += 1
        self._buckets[kind][next((n for n, bound in enumerate(_BOUNDS) if seconds <= bound), len(_BOUNDS))] += 1
        self._seconds[kind] += seconds
        self._counts["sent_bytes_total"] += sent_bytes

    def add(self, name: str, amount: int) -> None:
        """Count something that has no labels, from any thread."""
        with self._lock:
            self._counts[name] += amount

    def text(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        for name, (kind, what) in _HELP.items():
            full = f"sampan_registry_{name}"
            yield f"# HELP {full} {what}"
            yield f"# TYPE {full} {kind}"
            if name == "requests_total":
                for (route, method, status), count in sorted(self._requests.items()):
                    yield f'{full}{{route="{route}",method="{method}",status="{status}"}} {count}'
            elif name == "request_seconds":
                yield from self._histogram(full)
            elif name == "requests_in_flight":
                yield f"{full} {self._in_flight}"
            elif name == "start_time_seconds":
                yield f"{full} {self._started:.3f}"
            else:
                yield f"{full} {self._counts[name]}"

    def _histogram(self, name: str) -> Iterator[str]:
        for route, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=True):
                total += count
                yield f'{name}_bucket{{route="{route}",le="{bound}"}} {total}'
            yield f'{name}_sum{{route="{route}"}} {self._seconds[route]:.6f}'
            yield f'{name}_count{{route="{route}"}} {total}'


_METHODS = frozenset(("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"))
