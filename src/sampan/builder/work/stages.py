"""The stages of a build while it goes on: what they are made of by now, and their steps looked up.

A build whose steps are all stored needs nothing else: what does steps stands in `performing`, imported when it is.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sampan.builder import times
from sampan.builder.assemble import Layer
from sampan.builder.cache import key as cachekey
from sampan.builder.cache import reports, store
from sampan.builder.cache.key import Content, StepInputs
from sampan.builder.cache.store import Result
from sampan.builder.options import BuildOptions
from sampan.builder.plan.steps import CopyFiles, Mount, PlannedStage, Step, readings
from sampan.builder.progress.events import Reporter
from sampan.builder.work.journal import Journal
from sampan.errors import InvalidArgument, SampanError
from sampan.images import clock
from sampan.images.model import Image
from sampan.storage import snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths

if TYPE_CHECKING:
    from sampan.builder.exchange.taking import Elsewhere
    from sampan.builder.files.selection import Selected
    from sampan.builder.files.trees import Entry, Tree
    from sampan.builder.project import Source
    from sampan.builder.remote.sources import Remotes
    from sampan.builder.work.mounting import Given
    from sampan.builder.work.recording import Recorder
    from sampan.builder.work.views import Workspace

NOTHING = "scratch"


class ContextFiles:
    """The files that steps take from the build context, looked up once, before any step is. With `keeps_owner` they
    stay whose they are: those of a folder here belong to root in the image."""

    def __init__(self, tree: "Tree | None", *, keeps_owner: bool = False) -> None:
        self.tree, self.keeps_owner = tree, keeps_owner
        self._found: dict[tuple[int, int, str], tuple[tuple[Selected, ...], Content]] = {}

    def of(self, stage: PlannedStage, step: Step, reading: CopyFiles | Mount) -> "tuple[tuple[Selected, ...], Content]":
        """What a COPY, or a mount of a RUN, takes. Raises NotFound or InvalidArgument with the reason."""
        from sampan.builder.files import selection

        place = (stage.index, step.number, reading.target if isinstance(reading, Mount) else "")
        found = self._found.get(place)
        if found is None:
            sources = (reading.source,) if isinstance(reading, Mount) else reading.sources
            if self.tree is None and sources:
                raise InvalidArgument(
                    f'failed to compute cache key: "/{sources[0].lstrip("/")}": not found',
                    hint="this build has no context: give it a folder",
                )
            chosen = selection.taken(self.tree, reading) if self.tree is not None else ()
            content = Content("", ())
            if self.tree is not None:
                content = cachekey.content_of(self.tree, chosen, keeps_owner=self.keeps_owner)
            found = self._found[place] = (chosen, content)
        return found

    def entries(self) -> "Iterator[Entry]":
        """What steps take; what several take comes several times."""
        for found, _ in self._found.values():
            for one in found:
                yield one.entry
                yield from one.below


class Shared:
    """What the stages of one build have in common."""

    def __init__(self, database: Database, paths: Paths, options: BuildOptions, reporter: Reporter, place: str) -> None:
        self.database, self.paths, self.options, self.reporter, self.place = database, paths, options, reporter, place
        self.source: Source | None = None  # the Dockerfile
        self.times = times.of(options)
        self.cancelled = threading.Event()
        self.stages: dict[int, StageWork] = {}
        self.images: dict[str, Image] = {}
        self.held: list[str] = []  # snapshots that were there
        self.made: list[str] = []  # and those of steps that were done
        self.used_keys: list[str] = []
        self.context = ContextFiles(None)
        self.named: dict[str, ContextFiles] = {}  # other contexts, by name
        self.elsewhere: Elsewhere | None = None  # results in caches that were asked for
        self.inlined: dict[str, str] = {}  # the cache that goes into an image's manifest, by image ID
        self.journal = Journal()
        self.is_reported = True  # whether what it did is kept for whoever asks
        self.cached = self.executed = 0
        self._trees: dict[str, Tree] = {}
        self._recorder: Recorder | None = None
        self._workspace: Workspace | None = None
        self._given: Given | None = None
        self._remotes: Remotes | None = None
        self._lock = threading.Lock()

    @property
    def recorder(self) -> "Recorder":
        """Where finished steps go."""
        with self._lock:
            if self._recorder is None:
                from sampan.builder.work.recording import Recorder

                self._recorder = Recorder(self.database, self.paths, self.journal.hashed, self._secrets())
            return self._recorder

    def _secrets(self) -> Callable[[], Mapping[str, bytes]] | None:
        """The values of the build's secrets; None without any."""
        return (lambda: self.given.secrets.readable()) if self.options.secrets else None

    @property
    def workspace(self) -> "Workspace":
        """Where temporary folders are made."""
        with self._lock:
            if self._workspace is None:
                from sampan.builder.work.views import Workspace

                self._workspace = Workspace(self.database, self.paths)
            return self._workspace

    @property
    def given(self) -> "Given":
        """What mounts of RUN have in common."""
        with self._lock:
            if self._given is None:
                from sampan.builder.work.mounting import Given

                self._given = Given(self)
            return self._given

    @property
    def remotes(self) -> "Remotes":
        """Sources of ADD that are elsewhere."""
        workspace = self.workspace
        with self._lock:
            if self._remotes is None:
                from sampan.builder.remote.sources import Remotes

                self._remotes = Remotes(self.database, self.options, self.reporter, workspace.folder)
            return self._remotes

    def context_of(self, reading: CopyFiles | Mount) -> ContextFiles:
        """The context that files come from: the build's, or one that has a name."""
        return self.named[reading.context] if reading.context else self.context

    def layers_of(self, reading: CopyFiles | Mount) -> tuple[str, ...]:
        """The layers of the stage or image that files come from."""
        return self.stages[reading.stage].layers if reading.stage >= 0 else self.images[reading.image].layers

    def bring(self, layers: Sequence[str]) -> None:
        """Have layers here that were found elsewhere. Raises what fetching them raises."""
        if self.elsewhere is not None:
            self.elsewhere.bring(layers)

    def diff_ids(self) -> dict[str, str]:
        """The diff IDs of the layers that were made, once all are recorded. Raises what went wrong with one."""
        return self._recorder.close() if self._recorder is not None else {}

    def tree(self, layers: tuple[str, ...]) -> "Tree":
        """The merged files of some layers, opened once."""
        from sampan.builder.work import views

        workspace = self.workspace
        with self._lock:
            name = ",".join(layers)
            if name not in self._trees:
                self._trees[name] = views.tree_of(self.paths, workspace, layers)
            return self._trees[name]

    def hold(self, snapshot_id: str) -> bool:
        """Lease a snapshot until the build ends; False when it is gone."""
        if not snapshots.hold(self.database, snapshot_id):
            return False
        self.held.append(snapshot_id)
        return True

    def close(self) -> None:
        """Give up everything that was held. What was finished is recorded before, also after a failure."""
        if self._recorder is not None:
            self._recorder.drain()
        if self.journal.advice:
            self.reporter.advise(self.journal.advice)
        if self.elsewhere is not None:
            self.elsewhere.close()
        if self._given is not None:
            self._given.close()
        if self._remotes is not None:
            self._remotes.close()
        for tree in self._trees.values():
            tree.close()
        if self.context.tree is not None:
            self.context.tree.close()
        for named in self.named.values():
            if named.tree is not None:
                named.tree.close()
        self._trees.clear()
        if self._workspace is not None:
            self._workspace.close()
        for snapshot_id in self.made:
            if snapshots.find(self.database, snapshot_id) is None:  # it could not be recorded
                snapshots.discard(self.database, self.paths, snapshot_id)
        with self.database.transaction():
            for snapshot_id in dict.fromkeys((*self.held, *self.made)):
                snapshots.release(self.database, snapshot_id)
            if self.is_reported:
                reports.record(
                    self.database, self.place, self.journal.report(self.options.origin or self.options.context)
                )


def image_identity(image: Image) -> str:
    """Names the files of an image: the chain of its diff IDs."""
    return "image " + " ".join(image.config.diff_ids)


def _names_an_owner(chown: str) -> bool:
    return not all(part.isdigit() for part in chown.split(":")) if chown else False


class StageWork:
    """A stage while it is built. `identity` names the files that it has by now, for the keys of what follows."""

    def __init__(self, shared: Shared, planned: PlannedStage) -> None:
        self.shared, self.planned = shared, planned
        self.results: list[Result] = []
        self.done = threading.Event()
        self.identity = NOTHING
        self.layers: tuple[str, ...] = ()
        self._has_begun = False

    @property
    def is_finished(self) -> bool:
        return len(self.results) == len(self.planned.steps) and self._has_begun

    @property
    def is_uncached(self) -> bool:
        """Whether its steps are done again, stored or not."""
        options = self.shared.options
        return options.no_cache or self.planned.name.lower() in options.uncached

    def made(self, diff_ids: dict[str, str]) -> tuple[Layer, ...]:
        """The stage's own layers; `diff_ids` are those that were computed since."""
        return tuple(
            Layer(result.diff_id or diff_ids[result.snapshot_id], clock.rfc3339(result.created_ns))
            for result in self.results
        )

    def begin(self) -> None:
        """Take the base's files as a start, once what it is made of is there."""
        if self._has_begun:
            return
        base = self.planned.base
        if base.stage >= 0:
            below = self.shared.stages[base.stage]
            self.identity, self.layers = below.identity, below.layers
        elif base.image:
            image = self.shared.images[base.image]
            self.identity, self.layers = image_identity(image), image.layers
        self._has_begun = True

    def take_cached(self) -> list[str]:
        """Take stored results as far as they reach; the titles of their steps. Joins the caller's transaction."""
        titles: list[str] = []
        while not self.is_finished and not self.is_uncached:
            step = self.planned.steps[len(self.results)]
            try:
                inputs = self.inputs(step)
            except SampanError:
                break  # the step itself tells it, when its turn comes
            result = self.found(inputs.key) if inputs is not None else None
            if result is None or inputs is None:
                break
            self.shared.used_keys.append(inputs.key)
            self.shared.cached += 1
            self.shared.journal.cached(self.planned, step)
            titles.append(step.title)
            self.advance(result)
        return titles

    def found(self, key: str) -> Result | None:
        """The stored result of a step, held; or one that is elsewhere, and not here yet. Joins the caller's
        transaction."""
        result = store.find(self.shared.database, key)
        if result is not None and self.shared.hold(result.snapshot_id):
            return result
        return self.shared.elsewhere.find(key) if self.shared.elsewhere is not None else None

    def advance(self, result: Result) -> None:
        self.results.append(result)
        self.layers = (*self.layers, result.snapshot_id)
        self.identity = "snapshot " + result.snapshot_id

    def inputs(self, step: Step) -> StepInputs | None:
        """What decides the step; None while the stage that it copies from is not built. Raises AtLine."""
        inputs = self._inputs(step)
        return inputs._replace(base=self.base_text()) if inputs is not None and not self.results else inputs

    def base_text(self) -> str:
        """ "NAME ID" of the image that the stage is built on, "" where it is none."""
        base = self.planned.base
        return f"{base.shown} {self.shared.images[base.image].id}" if base.image else ""

    def _inputs(self, step: Step) -> StepInputs | None:
        contents, origins = [], []
        for reading in readings(step.action):
            if reading.stage >= 0:
                source = self.shared.stages[reading.stage]
                if not source.is_finished:
                    return None
                origins.append(source.identity)
            elif reading.image:
                origins.append(image_identity(self.shared.images[reading.image]))
            else:
                contents.append(self.shared.context_of(reading).of(self.planned, step, reading)[1])
        parent = self.identity
        if isinstance(step.action, CopyFiles):
            if step.action.remotes:
                contents.append(self.shared.remotes.content(step.action))
            if step.action.link and not _names_an_owner(step.action.chown):
                parent = NOTHING  # such a layer is the same, whatever is below it
        inputs = cachekey.inputs_of(step, parent, cachekey.merged(contents), "\n".join(origins))
        dated = self.shared.times.files if self.shared.times is not None else ""
        return cachekey.dated(inputs, dated) if dated else inputs

    def run(self) -> None:
        """Do what is left of the stage; those that it needs are done. Raises AtLine with the step that failed."""
        from sampan.builder.work import performing

        performing.finish(self)
        self.done.set()
