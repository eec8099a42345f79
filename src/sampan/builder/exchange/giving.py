"""--cache-to: results of a build are written to a registry or a folder, or into the manifest of its image."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack

import msgspec

from sampan.builder.exchange import document
from sampan.builder.exchange.document import Cache, CachedStep
from sampan.builder.exchange.places import Connect, FolderPlace, Place, RegistryPlace
from sampan.builder.exchange.wanted import INLINE, REGISTRY, CachePlace
from sampan.builder.plan.steps import Plan
from sampan.builder.progress.events import Work
from sampan.builder.work.stages import Shared
from sampan.errors import SampanError, Unavailable
from sampan.images import compressing, origins
from sampan.linux import fault
from sampan.oci import manifest as manifests
from sampan.oci import reference
from sampan.oci.digest import digest_of
from sampan.oci.manifest import Descriptor, Manifest


def give(plans: Sequence[Plan], shared: Shared, wanted: Sequence[CachePlace], connect: Connect | None) -> None:
    """Write the cache to each place but inline ones. Raises what a place raises, unless its errors are ignored."""
    for place in wanted:
        if place.kind == INLINE:
            continue
        where = "registry" if place.kind == REGISTRY else "client directory"
        work = shared.reporter.start(f"exporting cache to {where}")
        try:
            with ExitStack() as opened:
                _write(_snapshots(plans, shared, is_max=place.is_max), shared, _opened(place, connect, opened), work)
        except SampanError as error:
            work.failed(error.message)
            if not place.ignores_errors:
                raise
            shared.reporter.warn(f"the cache was not exported: {error.message}")
            continue
        work.done()


def inline(plan: Plan, shared: Shared) -> str:
    """The cache of the result's own steps, as text; its layers are the image's."""
    return document.encode(_cache(_snapshots([plan], shared, is_max=False), shared, {})).decode()


def _opened(place: CachePlace, connect: Connect | None, opened: ExitStack) -> Place:
    if place.kind != REGISTRY:
        return FolderPlace(place.place, place.tag, for_writing=True)
    if connect is None:
        raise Unavailable("this build reaches no registries", hint="Engine.build does")
    return RegistryPlace(opened.enter_context(connect()), reference.parse(place.place), for_writing=True)


def _snapshots(plans: Sequence[Plan], shared: Shared, *, is_max: bool) -> list[str]:
    """The results to write: of the stages that make the image, or of all."""
    stages = []
    for plan in plans:
        chain = [plan.result]
        while chain[-1].base.stage >= 0:
            chain.append(plan.stage(chain[-1].base.stage))
        stages += list(plan.stages) if is_max else chain
    found = (result.snapshot_id for stage in stages for result in shared.stages[stage.index].results)
    return list(dict.fromkeys(found))


def _cache(snapshots: Sequence[str], shared: Shared, blobs: dict[str, str]) -> Cache:
    """The steps that gave these results, under each of their keys. Without `blobs` layers stand for themselves."""
    steps, diff_ids = [], {}
    for snapshot_id in snapshots:
        rows = shared.database.rows(
            "SELECT key, inputs, build_step.created_at, diff_id FROM build_step JOIN snapshot"
            " ON snapshot.id = snapshot_id WHERE snapshot_id = ? AND diff_id IS NOT NULL ORDER BY key",
            (snapshot_id,),
        )
        for key, inputs, created, diff_id in rows:
            steps.append(CachedStep(str(key), str(inputs).partition("\n")[0], snapshot_id, int(created or 0)))
            diff_ids[snapshot_id] = str(diff_id)
    return Cache(diff_ids, steps, blobs or {diff_id: diff_id for diff_id in diff_ids.values()})


def _write(snapshots: Sequence[str], shared: Shared, place: Place, work: Work) -> None:
    """Layers first, then what names them."""
    work.status("preparing build cache for export done")
    shared.bring(snapshots)
    plain = _cache(snapshots, shared, {})
    layers, blobs = [], {}
    for snapshot_id, diff_id in plain.snapshots.items():
        if diff_id in blobs:
            continue
        layer = _put_layer(shared, place, snapshot_id, diff_id)
        layers.append(layer)
        blobs[diff_id] = layer.digest
        work.status(f"writing layer {layer.digest} done")
        fault.point("cache.layer-written")
    content = document.encode(plain._replace(blobs=blobs))
    config = Descriptor(media_type=document.MEDIA_TYPE, digest=digest_of(content), size=len(content))
    if not place.has(config.digest):
        with tempfile.TemporaryFile(dir=shared.paths.tmp) as file:
            file.write(content)
            file.flush()
            place.put(config.digest, file.fileno(), len(content))
    work.status(f"writing config {config.digest} done")
    fault.point("cache.configured")
    manifest = Manifest(
        media_type=manifests.OCI_MANIFEST,
        artifact_type=document.MEDIA_TYPE,
        config=config,
        layers=tuple(layers),
    )
    encoded = msgspec.json.encode(manifest)
    place.put_manifest(encoded, manifests.OCI_MANIFEST)
    work.status(f"writing cache image manifest {digest_of(encoded)} done")


def _put_layer(shared: Shared, place: Place, snapshot_id: str, diff_id: str) -> Descriptor:
    """Compress a layer, and keep it where it is missing."""
    known = origins.compressed(shared.database, diff_id)
    if known is None or not place.has(known.digest):
        with tempfile.TemporaryFile(dir=shared.paths.tmp) as file:
            made = compressing.compress(shared.database, shared.paths, snapshot_id, file.fileno())
            known = origins.Blob("", made.digest, diff_id, made.size, manifests.DOCKER_LAYER)
            origins.record_blobs(shared.database, [known])
            if not place.has(known.digest):
                place.put(known.digest, file.fileno(), os.fstat(file.fileno()).st_size)
    return Descriptor(media_type=manifests.OCI_LAYER + "+gzip", digest=known.digest, size=known.size)
