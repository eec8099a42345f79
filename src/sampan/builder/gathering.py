"""What a build needs from elsewhere, before any step is done: files of the context, remote sources, stored results."""

from typing import TYPE_CHECKING

from sampan.builder.plan.steps import CopyFiles, Mount, Plan, PlannedStage, Reading, Step, readings
from sampan.builder.progress.events import size_text
from sampan.builder.project import Source
from sampan.builder.work.stages import ContextFiles, Shared, StageWork
from sampan.errors import NotFound, SampanError

if TYPE_CHECKING:
    from sampan.builder.exchange.places import Connect

_LARGE = 50 << 20  # bytes of a context that is looked at for what is seldom meant

Wanted = tuple[PlannedStage, Step, Reading]


def load_context(plan: Plan, shared: Shared, source: Source) -> None:
    """Look at the files that steps take from contexts, before the store is locked."""
    wanted: dict[str, list[Wanted]] = {}
    for stage in plan.stages:
        for step in stage.steps:
            for reading in readings(step.action):
                is_context = reading.stage < 0 and not reading.image
                if is_context and (isinstance(reading, Mount) or reading.sources):
                    wanted.setdefault(reading.context, []).append((stage, step, reading))
    for name, readers in wanted.items():
        if name:
            from sampan.builder.remote import contexts

            found = shared.named[name] = contexts.named(shared, name)
        else:
            from sampan.builder.files.context import open_context

            tree = open_context(shared.options, source, shared.paths.root + "/build-contexts")
            found = shared.context = ContextFiles(tree, keeps_owner=bool(shared.options.origin))
        _look_at(found, readers, shared, name)


def _look_at(context: ContextFiles, readers: "list[Wanted]", shared: Shared, name: str) -> None:
    if context.tree is None:
        return
    work = shared.reporter.start(f"[context {name}] load" if name else "[internal] load build context")
    for stage, step, reading in readers:
        try:
            context.of(stage, step, reading)
        except SampanError:
            continue  # the step itself tells it, when its turn comes
    context.tree.remember()
    size = sum({entry.path: entry.size for entry in context.entries() if entry.kind == "f"}.values())
    work.status(f"transferring context: {size_text(size)} done")
    work.done()
    if size > _LARGE:
        _warn_of_folders(context, shared)


def _warn_of_folders(context: ContextFiles, shared: Shared) -> None:
    from sampan.builder.files import sizes

    found = sizes.measure(context.entries())
    heavy = sizes.heavy(found)
    if heavy is not None:
        shared.reporter.warn(
            f"{heavy.path} is {size_text(heavy.bytes)} of the {size_text(found.bytes)} that steps take from the"
            f" context: if none needs it, write {heavy.path} into .dockerignore"
        )


def load_remotes(plan: Plan, shared: Shared) -> None:
    """Find out what sources elsewhere are, before the store is locked."""
    actions = (step.action for stage in plan.stages for step in stage.steps)
    if any(isinstance(action, CopyFiles) and action.remotes for action in actions):
        shared.remotes.find_all(plan)


def load_caches(shared: Shared, connect: "Connect | None") -> None:
    """Find out what the caches elsewhere have; their layers stay there until something needs them."""
    from sampan.builder.exchange.taking import Elsewhere

    shared.elsewhere = Elsewhere(shared, connect)
    shared.elsewhere.load(shared.options.cache_from)


def look_up(plan: Plan, shared: Shared) -> None:
    """Take from the cache what is there; what is left to do is in the stages that are not finished."""
    titles: list[str] = []
    with shared.database.transaction():
        for image in shared.images.values():
            for snapshot_id in image.layers:
                if not shared.hold(snapshot_id):
                    raise NotFound(f"image {image.id} was removed while the build began", hint="build again")
        for planned in plan.stages:
            work = shared.stages[planned.index] = StageWork(shared, planned)
            base = planned.base
            if base.stage >= 0 and not shared.stages[base.stage].is_finished:
                continue
            titles += [planned.base_title] if base.image else []
            work.begin()
            titles += work.take_cached()
            if work.is_finished:
                work.done.set()
    for title in titles:  # not before: whoever listens may be slow, and the store is locked until here
        shared.reporter.start(title).cached()
