"""--cache-from: results of steps that are elsewhere. They are known at once, and fetched when something needs them.

That a step gave its result is believed of whoever wrote the cache, as every builder does; that the layer is the one
which the cache speaks of is proved by its diff ID.
"""

import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from sampan.builder.cache import key as cachekey
from sampan.builder.cache import store
from sampan.builder.cache.store import Result
from sampan.builder.exchange import document
from sampan.builder.exchange.document import Cache, CachedStep
from sampan.builder.exchange.places import Connect, FolderPlace, Place, RegistryPlace
from sampan.builder.exchange.wanted import REGISTRY, CachePlace
from sampan.builder.work.stages import Shared
from sampan.errors import Corrupt, SampanError, Unavailable
from sampan.images import store as images
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.oci.manifest import Index, Manifest
from sampan.storage import compression, foreign, snapshots


class _Known(NamedTuple):
    """A step of a cache, and where its layer is."""

    step: CachedStep
    diff_id: str
    blob: str
    place: Place


class Elsewhere:
    """The caches of one build. Any thread may use it; close() it."""

    def __init__(self, shared: Shared, connect: Connect | None) -> None:
        self._shared, self._connect = shared, connect
        self._opened = ExitStack()
        self._known: dict[str, _Known] = {}
        self._by_snapshot: dict[str, list[_Known]] = {}
        self._lock = threading.Lock()
        self._here: set[str] = set()
        self._asked: set[str] = set()  # keys of steps that this build has

    def load(self, wanted: Sequence[CachePlace]) -> None:
        """Read what the caches have; one that cannot be read is told, and the build goes on without it."""
        for one in wanted:
            shown = one.place if one.kind == REGISTRY else f"local:{one.place}"
            work = self._shared.reporter.start(f"importing cache manifest from {shown}")
            try:
                place = self._place(one)
                cache = _read(place)
            except SampanError as error:
                work.failed(error.message)
                continue
            self._add(cache, place)
            work.done()

    def find(self, key: str) -> Result | None:
        """The result of a step that is elsewhere."""
        known = self._known.get(key)
        if known is None:
            return None
        self._asked.add(key)
        return Result(key, known.step.snapshot, known.diff_id, known.step.created)

    def bring(self, layers: Sequence[str]) -> None:
        """Fetch what of these layers is not here. Raises NotFound, Unavailable, Corrupt."""
        for snapshot_id in layers:
            with self._lock:
                if snapshot_id in self._by_snapshot and snapshot_id not in self._here:
                    self._fetch(snapshot_id, self._by_snapshot[snapshot_id])
                    self._here.add(snapshot_id)

    def close(self) -> None:
        self._opened.close()

    def _place(self, one: CachePlace) -> Place:
        if one.kind != REGISTRY:
            return FolderPlace(one.place, one.tag, one.digest)
        if self._connect is None:
            raise Unavailable("this build reaches no registries", hint="Engine.build does")
        return RegistryPlace(self._opened.enter_context(self._connect()), reference.parse(one.place))

    def _add(self, cache: Cache, place: Place) -> None:
        for step in cache.steps:
            diff_id = cache.snapshots[step.snapshot]
            here = snapshots.find(self._shared.database, step.snapshot)
            if here is not None and here.diff_id != diff_id:
                continue  # the id means another layer here
            known = _Known(step, diff_id, cache.blobs[diff_id], place)
            self._known.setdefault(step.key, known)
            self._by_snapshot.setdefault(step.snapshot, []).append(known)

    def _fetch(self, snapshot_id: str, known: Sequence[_Known]) -> None:
        """Bring a layer here, under its id, and remember the steps of this build that made it.

        Of other steps nothing is remembered: whoever wrote the cache is believed by the builds that name it alone.
        """
        shared, one = self._shared, known[0]
        if not shared.hold(snapshot_id):
            work = shared.reporter.start(f"extracting {one.blob}")
            try:
                made = foreign.receive(
                    shared.database,
                    shared.paths,
                    compression.open_decompressed(one.place.stream(one.blob)),
                    diff_id=one.diff_id,
                    snapshot_id=snapshot_id,
                    is_shared=False,
                )
            except SampanError as error:
                work.failed(error.message)
                raise
            shared.held.append(made)
            if made != snapshot_id:
                work.failed("its place is taken")
                raise Unavailable(f"the cached layer {one.diff_id} cannot be kept", hint="build again")
            snapshots.sync(shared.paths)
            work.done()
        for entry in known:
            if entry.step.key not in self._asked:
                continue
            inputs = cachekey.from_text(entry.step.inputs + "\n[]")
            result = Result(entry.step.key, snapshot_id, entry.diff_id, entry.step.created)
            if store.find(shared.database, entry.step.key) is None:
                store.add_key(shared.database, entry.step.key, f"{shared.place}/cache", inputs, result)


def _read(place: Place) -> Cache:
    """The cache at a place: an artifact, or an image that has one in it. Raises NotFound, Corrupt."""
    content, media_type = place.manifest("")
    found = manifests.parse(content, media_type)
    if isinstance(found, Index):
        host = platforms.host_platform(os.uname().machine)
        content, media_type = place.manifest(manifests.choose(found, host).digest)
        found = manifests.parse(content, media_type)
    if not isinstance(found, Manifest):
        raise Corrupt("the cache is an index in an index")
    if found.config.media_type == document.MEDIA_TYPE:
        return document.decode(place.small(found.config, document.MOST_BYTES))
    text = found.annotations.get(document.ANNOTATION)
    if text is None or not found.is_image:
        raise Corrupt(
            "no build cache is in it",
            hint="--cache-to type=inline puts one into an image, --cache-to type=registry writes one of its own",
        )
    cache = document.decode(text.encode())
    config = images.read_document(place.small(found.config, document.MOST_BYTES))
    blobs = {diff_id: layer.digest for diff_id, layer in zip(config.diff_ids, found.layers, strict=False)}
    kept = {name: diff_id for name, diff_id in cache.snapshots.items() if diff_id in blobs}
    return Cache(kept, [step for step in cache.steps if step.snapshot in kept], blobs)
