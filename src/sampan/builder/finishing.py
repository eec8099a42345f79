"""The end of a build: its images put together, stored under their names, and delivered to where they are wanted."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sampan.builder import assemble
from sampan.builder.cache import store
from sampan.builder.failures import AtLine, BuildFailed
from sampan.builder.options import BuildResult
from sampan.builder.plan.steps import Plan
from sampan.builder.work.stages import Shared
from sampan.errors import InvalidArgument, SampanError
from sampan.images import happenings, tag_documents
from sampan.images import store as images
from sampan.linux import fault, files
from sampan.oci.config import ImageConfig
from sampan.oci.platform import Platform

if TYPE_CHECKING:
    from sampan.builder.attestations.attaching import Attaching
    from sampan.builder.exchange.places import Connect

Send = Callable[[str, Callable[[str], object]], str]
"""Pushes what a tag means; the digest that it has there. The second argument is told how it goes."""


class Made(NamedTuple):
    """What a build made for one platform. `layers` are snapshot ids, lowest first; `image_id` is "" where only files
    are wanted."""

    platform: Platform
    layers: tuple[str, ...]
    image_id: str = ""


def finish(plans: Sequence[Plan], shared: Shared, send: Send | None, connect: "Connect | None" = None) -> BuildResult:
    """Store the results of a build whose stages are done, one for each plan, and deliver them.

    Raises BuildFailed, AtLine, SampanError; what was delivered before stays where it is.
    """
    result = _delivered(plans, shared, send)
    if shared.options.cache_to:
        from sampan.builder.exchange import giving

        giving.give(plans, shared, shared.options.cache_to, connect)
    return result


def _delivered(plans: Sequence[Plan], shared: Shared, send: Send | None) -> BuildResult:
    options = shared.options
    outputs = options.outputs
    if outputs and all(output.kind == "cacheonly" for output in outputs):
        _recorded(shared)
        _mark_used(shared)
        return BuildResult("", (), shared.cached, shared.executed)
    for plan in plans:
        shared.bring(shared.stages[plan.result.index].layers)
    is_kept = not outputs or any(output.goes_to_store for output in outputs)
    names = tuple(dict.fromkeys((*options.tags, *(name for output in outputs for name in output.names))))
    attaching = _attaching(plans, shared, names) if options.attestations.has_any else None
    if not is_kept and all(output.kind in ("local", "tar", "cacheonly") for output in outputs):
        _recorded(shared)
        _mark_used(shared)
        made = tuple(Made(plan.platform, shared.stages[plan.result.index].layers) for plan in plans)
    else:
        was_here = set() if is_kept else _known(shared)
        made = _stored(plans, shared, names if is_kept else (), attaching)
    image_id = made[0].image_id if is_kept else ""
    result = BuildResult(made[0].image_id, options.tags if image_id else (), shared.cached, shared.executed)
    try:
        if outputs:
            from sampan.builder.outputs import delivery

            digest = delivery.deliver(shared, outputs, made, send, attaching)
            result = result._replace(digest=digest)
        return result._replace(metadata=_metadata(result))
    finally:
        if not is_kept and made[0].image_id:
            _forget(shared, [one.image_id for one in made if one.image_id not in was_here])


def _attaching(plans: Sequence[Plan], shared: Shared, names: Sequence[str]) -> "Attaching":
    """Raises InvalidArgument where attestations have no place to stand."""
    from sampan.builder.attestations.attaching import Attaching

    for output in shared.options.outputs:
        if output.kind in ("local", "tar") or (output.kind == "docker" and output.dest):
            raise InvalidArgument(
                f"attestations are not supported by the {output.kind} exporter",
                hint="they stand beside an image: -t NAME, --push, or -o type=oci,dest=FILE",
            )
    if not names and not any(output.dest for output in shared.options.outputs):
        shared.reporter.warn("attestations are kept with a name of the image: give it one with -t")
    return Attaching(plans, shared, names)


def _metadata(result: BuildResult) -> dict[str, Any]:
    """What --metadata-file says of the image, with the fields that buildx has."""
    if not result.image_id:
        return {}
    return {
        "containerimage.config.digest": result.image_id,
        "containerimage.digest": result.digest or result.image_id,
    }


def _known(shared: Shared) -> set[str]:
    return {str(row[0]) for row in shared.database.rows("SELECT id FROM image")}


def _forget(shared: Shared, image_ids: Sequence[str]) -> None:
    """Take images away again that only an archive was made of; their layers stay in the cache."""
    with shared.database.transaction():
        for image_id in image_ids:
            shared.database.execute(
                "DELETE FROM image WHERE id = ? AND id NOT IN (SELECT image_id FROM tag)", (image_id,)
            )


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


def _stored(
    plans: Sequence[Plan], shared: Shared, tags: Sequence[str], attaching: "Attaching | None"
) -> tuple[Made, ...]:
    """Enter the images; of several the one that this host runs comes first, or else the first, and has the tags."""
    work = shared.reporter.start("exporting to image")
    try:
        diff_ids = _recorded(shared)
    except SampanError as error:
        work.failed(error.message)
        raise
    configs = [_config(plan, shared, diff_ids) for plan in plans]
    work.status("exporting layers done")
    found = []
    is_inlined = any(place.kind == "inline" for place in shared.options.cache_to)
    has_documents = len(plans) > 1 or bool(shared.options.annotations) or attaching is not None or is_inlined
    own = () if has_documents else tags
    with shared.database.transaction():
        for plan, config in zip(plans, configs, strict=True):
            layers = shared.stages[plan.result.index].layers
            image_id = images.add(shared.database, config, layers, tags=own)
            happenings.record(shared.database, image_id, "create")
            found.append(Made(plan.platform, layers, image_id))
        for tag in own:
            tag_documents.forget(shared.database, tag)
        store.mark_used(shared.database, tuple(shared.used_keys))
    fault.point("build.image-added")
    if is_inlined:
        from sampan.builder.exchange import giving

        work.status("preparing layers for inline cache done")
        shared.inlined = {one.image_id: giving.inline(plan, shared) for plan, one in zip(plans, found, strict=True)}
    for made in found:
        work.status(f"writing image {made.image_id} done")
    if tags and has_documents:
        from sampan.builder.outputs import several

        found = several.tag(shared, found, tags, work, attaching)
    for tag in tags:
        work.status(f"naming to {tag} done")
    work.done()
    if shared.options.iidfile:
        files.write_atomically(shared.options.iidfile, found[0].image_id.encode())
    return tuple(found)


def _config(plan: Plan, shared: Shared, diff_ids: dict[str, str]) -> ImageConfig:
    made = {index: stage.made(diff_ids) for index, stage in shared.stages.items()}
    bases = {stage.index: shared.images[stage.base.image].config for stage in plan.stages if stage.base.image}
    config = assemble.assemble(plan, bases, made, shared.options.labels, shared.times.text if shared.times else "")
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
