"""One stage at work: its steps are looked up, and those that are missing are done."""

import os
import threading
import time

from sampan.builder import cachekey, copying, explain, owners, running, selection, store, views
from sampan.builder.assemble import Layer
from sampan.builder.cachekey import Content, StepInputs
from sampan.builder.failures import AtLine
from sampan.builder.options import BuildOptions
from sampan.builder.progress import Reporter, Work
from sampan.builder.recording import Finished, Recorder
from sampan.builder.steps import CopyFiles, MakeWorkdir, PlannedStage, RunCommand, Step
from sampan.builder.store import Result
from sampan.builder.trees import Tree
from sampan.builder.views import Workspace
from sampan.errors import InvalidArgument, SampanError, Unavailable
from sampan.images import clock
from sampan.images.model import Image
from sampan.linux import fault, files
from sampan.runtime import bundle
from sampan.storage import snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths

NOTHING = "scratch"


class Interrupted(SampanError):
    """Another stage failed, or the user gave up: what this one was to do is not wanted any more."""


class ContextFiles:
    """The files that steps take from the build context, looked up once, before any step is."""

    def __init__(self, tree: Tree | None) -> None:
        self.tree = tree
        self._found: dict[tuple[int, int], tuple[tuple[selection.Selected, ...], Content]] = {}

    def of(self, stage: PlannedStage, step: Step) -> tuple[tuple[selection.Selected, ...], Content]:
        """What a COPY takes. Raises NotFound or InvalidArgument with the reason."""
        assert isinstance(step.action, CopyFiles)
        found = self._found.get((stage.index, step.number))
        if found is None:
            if self.tree is None and step.action.sources:
                raise InvalidArgument(
                    f'failed to compute cache key: "/{step.action.sources[0]}": not found',
                    hint="this build has no context: give it a folder",
                )
            chosen = selection.select(self.tree, step.action) if self.tree is not None else ()
            content = (
                cachekey.content_of(self.tree, chosen, keeps_owner=False)
                if self.tree is not None
                else Content("", ())
            )
            found = self._found[(stage.index, step.number)] = (chosen, content)
        return found


class Shared:
    """What the stages of one build have in common."""

    def __init__(
        self, database: Database, paths: Paths, options: BuildOptions, reporter: Reporter, place: str
    ) -> None:
        self.database, self.paths, self.options, self.reporter, self.place = database, paths, options, reporter, place
        self.recorder = Recorder(database, paths)
        self.workspace = Workspace(database, paths)
        self.cancelled = threading.Event()
        self.stages: dict[int, StageWork] = {}
        self.images: dict[str, Image] = {}
        self.held: list[str] = []
        self.used_keys: list[str] = []
        self.context = ContextFiles(None)
        self.cached = self.executed = 0
        self._trees: dict[str, Tree] = {}
        self._lock = threading.Lock()

    def tree(self, layers: tuple[str, ...]) -> Tree:
        """The merged files of some layers, opened once."""
        with self._lock:
            name = ",".join(layers)
            if name not in self._trees:
                self._trees[name] = views.tree_of(self.paths, self.workspace, layers)
            return self._trees[name]

    def hold(self, snapshot_id: str) -> bool:
        """Lease a snapshot until the build ends; False when it is gone."""
        if not snapshots.hold(self.database, snapshot_id):
            return False
        self.held.append(snapshot_id)
        return True

    def close(self) -> None:
        """Give up everything that was held; after the image, or the failure, is on record."""
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()
        self.workspace.close()
        with self.database.transaction():
            for snapshot_id in dict.fromkeys(self.held):
                snapshots.release(self.database, snapshot_id)


def image_identity(image: Image) -> str:
    """Names the files of an image: the chain of its diff IDs."""
    return "image " + " ".join(image.config.diff_ids)


class StageWork:
    """A stage while it is built. `identity` names the files that it has by now, for the keys of what follows."""

    def __init__(self, shared: Shared, planned: PlannedStage) -> None:
        self.shared, self.planned = shared, planned
        self.results: list[Result] = []
        self.done = threading.Event()
        self.identity = NOTHING
        self.layers: tuple[str, ...] = ()
        self._rebuilt = 0  # number of the last step that was done again
        self._network = running.StageNetwork(shared.database, shared.paths)
        self._has_begun = False
        self._places: list[tuple[str, StepInputs]] | None = None

    @property
    def is_finished(self) -> bool:
        return len(self.results) == len(self.planned.steps) and self._has_begun

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
        while not self.is_finished and not self.shared.options.no_cache:
            step = self.planned.steps[len(self.results)]
            inputs = self._inputs(step)
            result = store.find(self.shared.database, inputs.key) if inputs is not None else None
            if result is None or inputs is None or not self.shared.hold(result.snapshot_id):
                break
            self.shared.used_keys.append(inputs.key)
            self.shared.cached += 1
            titles.append(step.title)
            self._advance(result)
        return titles

    def _report_cached(self, step: Step) -> None:
        self.shared.reporter.start(step.title).cached()
        self.shared.cached += 1

    def _advance(self, result: Result) -> None:
        self.results.append(result)
        self.layers = (*self.layers, result.snapshot_id)
        self.identity = "snapshot " + result.snapshot_id

    def _inputs(self, step: Step) -> StepInputs | None:
        """What decides the step; None while the stage that it copies from is not built. Raises AtLine."""
        action = step.action
        if not isinstance(action, CopyFiles):
            return cachekey.inputs_of(step, self.identity)
        if action.stage >= 0:
            source = self.shared.stages[action.stage]
            return cachekey.inputs_of(step, self.identity, origin=source.identity) if source.is_finished else None
        if action.image:
            origin = image_identity(self.shared.images[action.image])
            return cachekey.inputs_of(step, self.identity, origin=origin)
        return cachekey.inputs_of(step, self.identity, self.shared.context.of(self.planned, step)[1])

    def run(self) -> None:
        """Do what is left of the stage. The stages that it needs are done. Raises AtLine with the step that failed."""
        try:
            self.begin()
            while not self.is_finished:
                if self.shared.cancelled.is_set():
                    raise Interrupted("the build was cancelled")
                self._step(self.planned.steps[len(self.results)])
            self.done.set()
        finally:
            self._network.close()

    def _step(self, step: Step) -> None:
        try:
            inputs = self._inputs(step)
        except SampanError as error:
            self.shared.reporter.start(step.title).failed(error.message)
            raise _at(step, error) from error
        assert inputs is not None
        result = self._found(inputs)
        keys: tuple[str, ...] = (inputs.key,)
        if result is None and inputs.origin:
            inputs, result, keys = self._by_content(step, inputs)
        if result is not None:
            self.shared.used_keys += keys
            self._report_cached(step)
            self._advance(result)
            return
        self._perform(step, inputs, keys)

    def _found(self, inputs: StepInputs) -> Result | None:
        if self.shared.options.no_cache:
            return None
        with self.shared.database.transaction():
            result = store.find(self.shared.database, inputs.key)
            return result if result is not None and self.shared.hold(result.snapshot_id) else None

    def _by_content(self, step: Step, inputs: StepInputs) -> tuple[StepInputs, Result | None, tuple[str, ...]]:
        """Look a COPY --from up by the files that it takes: the stage may have been built again and be the same there."""
        try:
            tree, chosen = self._stage_files(step)
            content = cachekey.content_of(tree, chosen, keeps_owner=True)
        except SampanError as error:
            self.shared.reporter.start(step.title).failed(error.message)
            raise _at(step, error) from error
        exact = inputs._replace(content=content, origin="")
        result = self._found(exact)
        if result is not None:
            store.add_key(self.shared.database, inputs.key, self._place(), exact, result)
        return exact, result, (exact.key, inputs.key)

    def _stage_files(self, step: Step) -> tuple[Tree, tuple[selection.Selected, ...]]:
        action = step.action
        assert isinstance(action, CopyFiles)
        layers = (
            self.shared.stages[action.stage].layers if action.stage >= 0 else self.shared.images[action.image].layers
        )
        tree = self.shared.tree(layers)
        return tree, selection.select(tree, action)

    def _place(self) -> str:
        return f"{self.shared.place}/{self.planned.name}"

    def _explain(self, step: Step, inputs: StepInputs) -> explain.Miss:
        if self.shared.options.no_cache:
            return explain.NO_CACHE
        if self._places is None:
            self._places = store.candidates(self.shared.database, self._place())
        key = explain.nearest_of(inputs, self._places)
        nearest = store.inputs_of(self.shared.database, key) if key else None
        if self._rebuilt:
            reason = f"parent step {self._rebuilt} rebuilt"
        elif self.results:
            reason = f"parent step {self.planned.steps[len(self.results) - 1].number} is another one"
        elif self.planned.base.stage >= 0:
            reason = f"stage {self.shared.stages[self.planned.base.stage].planned.name} rebuilt"
        else:
            reason = "base image changed"
        return explain.explain_miss(inputs, nearest, reason)

    def _perform(self, step: Step, inputs: StepInputs, keys: tuple[str, ...]) -> None:
        miss = self._explain(step, inputs)
        work = self.shared.reporter.start(step.title)
        work.missed(miss.reason, miss.files)
        snapshot_id = snapshots.new(self.shared.database, self.shared.paths)
        try:
            self._take_root_mode(snapshot_id)
            is_steady = self._carry_out(step, snapshot_id, work)
            fault.point("build.step-done")
        except BaseException as error:
            snapshots.discard(self.shared.database, self.shared.paths, snapshot_id)
            if isinstance(error, SampanError | OSError):
                failure = _at(step, error, work)
                work.failed(failure.message)
                raise failure from error
            raise
        self.shared.held.append(snapshot_id)
        result = Result(inputs.key, snapshot_id, "", time.time_ns())
        self.shared.recorder.add(Finished(result, keys if is_steady else (), self._place(), inputs))
        self.shared.executed += 1
        self._rebuilt = step.number
        self._advance(result)
        work.done()

    def _take_root_mode(self, snapshot_id: str) -> None:
        """The topmost layer's folder decides mode and owner of the root."""
        if self.layers:
            below = os.stat(self.shared.paths.layer(self.layers[-1]))
            folder = self.shared.paths.layer(snapshot_id)
            os.chown(folder, below.st_uid, below.st_gid)
            os.chmod(folder, below.st_mode & 0o7777)

    def _carry_out(self, step: Step, snapshot_id: str, work: Work) -> bool:
        """Do it; False when the result must not be remembered. Raises SampanError, OSError."""
        match step.action:
            case MakeWorkdir():
                self._make_workdir(step.action, snapshot_id)
            case CopyFiles():
                return self._copy(step, step.action, snapshot_id)
            case RunCommand():
                self._run(step.action, snapshot_id, work)
        return True

    def _make_workdir(self, action: MakeWorkdir, snapshot_id: str) -> None:
        with views.writable(self.shared.paths, self.shared.workspace, self.layers, snapshot_id) as root:
            try:
                owner = _owner(root, action.user) if action.user else owners.Owner(0, 0)
            except InvalidArgument:
                owner = owners.Owner(0, 0)  # as BuildKit: who USER is matters when something runs as it
            try:
                os.close(files.make_directories(root, action.path, 0o755, *owner))
            except NotADirectoryError as error:
                raise InvalidArgument(f"mkdir {action.path}: not a directory") from error

    def _copy(self, step: Step, action: CopyFiles, snapshot_id: str) -> bool:
        is_context = action.stage < 0 and not action.image
        if is_context:
            chosen, _ = self.shared.context.of(self.planned, step)
            tree = self.shared.context.tree
        else:
            tree, chosen = self._stage_files(step)
        with views.writable(self.shared.paths, self.shared.workspace, self.layers, snapshot_id) as root:
            owner = _owner(root, action.chown) if action.chown else None
            copied = copying.copy(root, tree or Tree(root), chosen, action, owner, keeps_owner=not is_context)
        return copied.is_steady

    def _run(self, action: RunCommand, snapshot_id: str, work: Work) -> None:
        process = f'process "{" ".join(action.args)}" did not complete successfully'
        script = self.shared.workspace.folder() + "/script" if action.script else ""
        try:
            code = running.run(
                self.shared.paths,
                self.shared.database,
                action,
                lower=self.layers,
                snapshot_id=snapshot_id,
                network=self._network,
                script_path=script,
                on_output=work.output,
                runtime=self.shared.options.runtime,
            )
        except SampanError as error:
            if isinstance(error, Unavailable):
                raise
            error.message = f"{process}: {error.message}"
            raise
        if code != 0:
            hint = "the command was not found in the image" if code == 127 else ""
            raise InvalidArgument(f"{process}: exit code: {code}", hint=hint)


def _owner(root: int, text: str) -> owners.Owner:
    return owners.resolve(text, bundle.read_text(root, "etc/passwd"), bundle.read_text(root, "etc/group"))


def _at(step: Step, error: SampanError | OSError, work: Work | None = None) -> AtLine:
    """The error with its step's place; of a full disk what to do."""
    if isinstance(error, OSError):
        import errno

        hint = ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "the disk of the store is full: the store is as it was before the step; free some space, build again"
        message = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror or error)
        message = message[:1].lower() + message[1:]
        kind: BaseException = Unavailable(message, hint=hint) if hint else error
        return AtLine(message, step.line, hint=hint, kind=kind, step=step.title, output=_lines(work))
    return AtLine(error.message, step.line, hint=error.hint, kind=error, step=step.title, output=_lines(work))


def _lines(work: Work | None) -> tuple[str, ...]:
    return tuple(work.lines) if work is not None else ()
