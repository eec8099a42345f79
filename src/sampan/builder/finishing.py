"""The end of a build: its image put together, stored under its names, and delivered to where it is wanted."""

from collections.abc import Callable

from sampan.builder import assemble
from sampan.builder.cache import store
from sampan.builder.failures import AtLine, BuildFailed
from sampan.builder.options import BuildResult
from sampan.builder.plan.steps import Plan
from sampan.builder.work.stages import Shared
from sampan.errors import InvalidArgument, SampanError
from sampan.images import happenings
from sampan.images import store as images
from sampan.linux import fault, files
from sampan.oci.config import ImageConfig

Send = Callable[[str, Callable[[str], object]], str]
"""Pushes the image with a tag; the digest of its manifest. The second argument is told how it goes."""


def finish(plan: Plan, shared: Shared, tags: tuple[str, ...], send: Send | None) -> BuildResult:
    """Store the result of a build whose stages are done, and deliver it. Raises BuildFailed, AtLine, SampanError."""
    options = shared.options
    if not options.outputs:
        return _stored(plan, shared, tags)
    from sampan.builder.outputs import delivery

    layers = shared.stages[plan.result.index].layers
    wants_image = any(output.kind not in ("local", "tar", "cacheonly") for output in options.outputs)
    is_kept = any(output.goes_to_store for output in options.outputs)
    if not wants_image:
        _recorded(shared)
        _mark_used(shared)
        result = BuildResult("", (), shared.cached, shared.executed)
    else:
        names = tuple(name for output in options.outputs for name in output.names)
        was_here = set() if is_kept else _known(shared)
        result = _stored(plan, shared, tuple(dict.fromkeys((*tags, *names))) if is_kept else ())
    try:
        digest = delivery.deliver(shared, options.outputs, layers, result, tags, send)
        return result._replace(digest=digest)
    finally:
        if wants_image and not is_kept and result.image_id not in was_here:
            _forget(shared, result.image_id)


def _known(shared: Shared) -> set[str]:
    return {str(row[0]) for row in shared.database.rows("SELECT id FROM image")}


def _forget(shared: Shared, image_id: str) -> None:
    """Take the image away again that only an archive was made of; its layers stay in the cache."""
    with shared.database.transaction():
        shared.database.execute("DELETE FROM image WHERE id = ? AND id NOT IN (SELECT image_id FROM tag)", (image_id,))


def _recorded(shared: Shared) -> dict[str, str]:
    """The diff IDs of layers that were made, once all are recorded. Raises BuildFailed, AtLine."""
    try:
        return shared.diff_ids()
    except AtLine:
        raise
    except (OSError, SampanError) as error:
        raise _unrecorded(error) from error


def _mark_used(shared: Shared) -> None:
    with shared.database.transaction():
        store.mark_used(shared.database, tuple(shared.used_keys))


def _stored(plan: Plan, shared: Shared, tags: tuple[str, ...]) -> BuildResult:
    work = shared.reporter.start("exporting to image")
    try:
        diff_ids = _recorded(shared)
    except SampanError as error:
        work.failed(error.message)
        raise
    config = _config(plan, shared, diff_ids)
    work.status("exporting layers done")
    layers = shared.stages[plan.result.index].layers
    with shared.database.transaction():
        image_id = images.add(shared.database, config, layers, tags=tags)
        happenings.record(shared.database, image_id, "create")
        store.mark_used(shared.database, tuple(shared.used_keys))
    fault.point("build.image-added")
    work.status(f"writing image {image_id} done")
    for tag in tags:
        work.status(f"naming to {tag} done")
    work.done()
    if shared.options.iidfile:
        files.write_atomically(shared.options.iidfile, image_id.encode())
    return BuildResult(image_id, tags, shared.cached, shared.executed)


def _config(plan: Plan, shared: Shared, diff_ids: dict[str, str]) -> ImageConfig:
    made = {index: stage.made(diff_ids) for index, stage in shared.stages.items()}
    bases = {stage.index: shared.images[stage.base.image].config for stage in plan.stages if stage.base.image}
    config = assemble.assemble(plan, bases, made, shared.options.labels)
    if shared.options.secrets:
        _check_secrets(config, shared)
    return config


def _check_secrets(config: ImageConfig, shared: Shared) -> None:
    """Raises BuildFailed when the value of a secret is in the configuration."""
    from sampan.builder.mounts import leaks

    name, place = leaks.in_config(config, leaks.needles(shared.given.secrets.readable()))
    if name:
        message = f"the value of secret {name} is in the image's configuration: {place}"
        hint = "everyone who has the image can read it: take it with RUN --mount=type=secret where it is needed"
        raise BuildFailed(message, hint=hint, kind=InvalidArgument(message))


def _unrecorded(error: OSError | SampanError) -> BuildFailed:
    """A layer could not be recorded."""
    if isinstance(error, SampanError):
        return BuildFailed(error.message, hint=error.hint, kind=error)
    message = (error.strerror or str(error)).lower()
    return BuildFailed(message, hint="the store is as it was before the step", kind=error)
