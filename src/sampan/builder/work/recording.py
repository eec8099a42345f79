"""Finished steps enter the store: hashed in a thread of their own while the next step runs, then recorded."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sampan.builder.cache import store
from sampan.builder.cache.key import StepInputs
from sampan.builder.cache.store import Result
from sampan.builder.failures import AtLine
from sampan.builder.plan.steps import Step
from sampan.builder.work.turns import Turn
from sampan.errors import InvalidArgument, SampanError
from sampan.linux import fault
from sampan.storage import layers, snapshots
from sampan.storage.database import Database
from sampan.storage.layers import Packed
from sampan.storage.paths import Paths


class Finished(NamedTuple):
    """A step whose layer is complete on disk. Without `keys` its result serves this build alone."""

    result: Result
    keys: tuple[str, ...]
    place: str
    inputs: StepInputs
    step: Step
    turn: Turn | None = None  # given up when it is recorded, or is known not to be


class Recorder:
    """One thread, made when the first step is handed in. After close() every result is recorded or its error known."""

    def __init__(
        self,
        database: Database,
        paths: Paths,
        on_hashed: Callable[[str, float], None],
        secrets: Callable[[], Mapping[str, bytes]] | None = None,
    ) -> None:
        """`on_hashed` is told of each snapshot how many seconds its hashing took, in the recorder's thread; the values
        of `secrets` are looked for in each layer."""
        self._database, self._paths, self._on_hashed, self._secrets = database, paths, on_hashed, secrets
        self._queue: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._diff_ids: dict[str, str] = {}
        self._failures: list[BaseException] = []

    def add(self, finished: Finished) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
            self._thread.start()
        self._queue.put(finished)

    def _work(self) -> None:
        while (finished := self._queue.get()) is not None:
            try:
                if not self._failures:  # what stands on a layer that could not be recorded is of no use
                    self._record(finished)
            except (OSError, SampanError) as error:
                self._failures.append(error)
            finally:
                if finished.turn is not None:
                    finished.turn.release()

    def _record(self, finished: Finished) -> None:
        snapshot_id = finished.result.snapshot_id
        began = time.monotonic()
        packed = self._measured(finished)
        self._on_hashed(snapshot_id, time.monotonic() - began)
        fault.point("build.hashed")
        snapshots.sync(self._paths)
        result = finished.result._replace(diff_id=packed.diff_id)
        store.record(self._database, finished.keys, finished.place, finished.inputs, result, packed.size)
        self._diff_ids[snapshot_id] = packed.diff_id
        fault.point("build.recorded")

    def _measured(self, finished: Finished) -> Packed:
        """Hash the layer. Raises AtLine when the value of a secret is in it."""
        layer = self._paths.layer(finished.result.snapshot_id)
        if self._secrets is None:
            return layers.measure(layer)
        from sampan.builder.mounts import leaks

        search = leaks.Search(leaks.needles(self._secrets()))
        packed = layers.pack(layer, search.feed)
        if search.found is not None:
            name, value = search.found
            path = leaks.locate(layer, value)
            message = f"the value of secret {name} is in the step's layer{f', in {path}' if path else ''}"
            hint = "remove it in the same RUN, or do not write it: everyone who has the image can read its layers"
            step = finished.step
            raise AtLine(message, step.line, hint=hint, kind=InvalidArgument(message), step=step.title)
        return packed

    def close(self) -> dict[str, str]:
        """Wait for all, and return the diff ID of each snapshot. Raises what went wrong with the first that failed."""
        recorded, failure = self.drain()
        if failure is not None:
            raise failure
        return recorded

    def drain(self) -> tuple[dict[str, str], BaseException | None]:
        """Wait for all: the diff IDs of the snapshots that are recorded, and what went wrong first."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        return self._diff_ids, self._failures[0] if self._failures else None
