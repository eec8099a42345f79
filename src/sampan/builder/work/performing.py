"""Steps done: looked up once more, explained, carried out, handed to the recorder."""

import errno
import os
import time

from sampan.builder.cache import explain, store
from sampan.builder.cache import key as cachekey
from sampan.builder.cache.key import Content, StepInputs
from sampan.builder.cache.store import Result
from sampan.builder.failures import AtLine
from sampan.builder.files import owners, selection
from sampan.builder.plan.steps import CopyFiles, MakeWorkdir, Reading, RunCommand, Step, readings
from sampan.builder.progress.events import Work
from sampan.builder.report import DONE, FAILED, StepReport, Times
from sampan.builder.work import commands, copies, running, turns, views
from sampan.builder.work.recording import Finished
from sampan.builder.work.stages import StageWork
from sampan.errors import InvalidArgument, SampanError, Unavailable
from sampan.linux import cancellation, fault, files
from sampan.runtime import bundle
from sampan.storage import snapshots

_REPORTED = 100  # changed files that a report names


class Interrupted(SampanError):
    """Another stage failed, or the user gave up: what this one was to do is not wanted any more."""


def finish(stage: StageWork) -> None:
    """Do what is left of a stage whose needs are done. Raises AtLine with the step that failed, Interrupted."""
    performing = _Performing(stage)
    try:
        stage.begin()
        while not stage.is_finished:
            if stage.shared.cancelled.is_set():
                raise Interrupted("the build was cancelled")
            performing.step(stage.planned.steps[len(stage.results)])
    finally:
        performing.close()


class _Performing:
    def __init__(self, stage: StageWork) -> None:
        self.stage, self.shared = stage, stage.shared
        self._rebuilt = 0  # number of the last step that was done again
        self._is_after_prune = False  # whether a prune had taken the result of a step before
        self._ready = stage.shared.journal.now  # when the step could begin
        self._copied: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []  # words, changed files, all of a COPY
        self._network = running.StageNetwork(stage.shared.database, stage.shared.paths)
        self._places: list[tuple[str, StepInputs]] | None = None
        self._turn: turns.Turn | None = None  # to do the step that is being done

    def close(self) -> None:
        self._network.close()

    def _report_cached(self, step: Step, began: float) -> None:
        self.shared.reporter.start(step.title).cached()
        self.shared.cached += 1
        self.shared.journal.cached(self.stage.planned, step, began, self.shared.journal.now - began)

    def step(self, step: Step) -> None:
        began = self.shared.journal.now
        try:
            inputs = self.stage.inputs(step)
        except SampanError as error:
            self.shared.reporter.start(step.title).failed(error.message)
            raise _at(step, error) from error
        assert inputs is not None
        result = self._found(inputs)
        keys: tuple[str, ...] = (inputs.key,)
        if result is None and inputs.origin:
            inputs, result, keys = self._by_content(step, inputs)
        if result is None and not self.stage.is_uncached:
            self._turn = turns.take(self.shared.paths, inputs.key, lambda: self._tell_waiting(step), self._pause)
            result = self._found(inputs)
        try:
            self._settle(step, inputs, keys, result, began)
        finally:
            self._give_up_turn()

    def _settle(
        self, step: Step, inputs: StepInputs, keys: tuple[str, ...], result: Result | None, began: float
    ) -> None:
        """Take the result, or do the step."""
        if result is not None:
            self.shared.used_keys += keys
            self._report_cached(step, began)
            self.stage.advance(result)
            return
        self._perform(step, inputs, keys, began)

    def _tell_waiting(self, step: Step) -> None:
        self.shared.reporter.start(f"[internal] wait for another build that does {step.title}").done()

    def _pause(self, seconds: float) -> None:
        if self.shared.cancelled.is_set():
            raise Interrupted("the build was cancelled")
        cancellation.wait(-1, seconds)

    def _give_up_turn(self) -> None:
        if self._turn is not None:
            self._turn.release()
        self._turn = None

    def _found(self, inputs: StepInputs) -> Result | None:
        if self.stage.is_uncached:
            return None
        with self.shared.database.transaction():
            return self.stage.found(inputs.key)

    def _by_content(self, step: Step, inputs: StepInputs) -> tuple[StepInputs, Result | None, tuple[str, ...]]:
        """Look a step up by the files of stages that it takes: a stage that was built again may be the same there."""
        try:
            contents = [self._content(step, reading) for reading in readings(step.action)]
        except SampanError as error:
            self.shared.reporter.start(step.title).failed(error.message)
            raise _at(step, error) from error
        exact = inputs._replace(content=cachekey.merged(contents), origin="")
        result = self._found(exact)
        if result is not None and snapshots.find(self.shared.database, result.snapshot_id) is not None:
            store.add_key(self.shared.database, inputs.key, self._place(), exact, result)
        return exact, result, (exact.key, inputs.key)

    def _content(self, step: Step, reading: Reading) -> Content:
        if reading.stage < 0 and not reading.image:
            return self.shared.context_of(reading).of(self.stage.planned, step, reading)[1]
        self.shared.bring(self.shared.layers_of(reading))
        tree = self.shared.tree(self.shared.layers_of(reading))
        return cachekey.content_of(tree, selection.taken(tree, reading), keeps_owner=True)

    def _place(self) -> str:
        planned = self.stage.planned
        return f"{self.shared.place}/{planned.label or planned.name}"

    def _explain(self, step: Step, inputs: StepInputs) -> explain.Miss:
        if self.stage.is_uncached:
            return explain.NO_CACHE
        pruned = store.pruned_ns(self.shared.database, inputs.key)
        if pruned:
            self._is_after_prune = True
            return explain.Miss(explain.pruned_reason(pruned))
        if self._places is None:
            self._places = store.candidates(self.shared.database, self._place())
        key = explain.nearest_of(inputs, self._places)
        nearest = store.inputs_of(self.shared.database, key) if key else None
        if self._rebuilt:
            reason = f"parent step {self._rebuilt} rebuilt"
        elif self.stage.results:
            reason = f"parent step {self.stage.planned.steps[len(self.stage.results) - 1].number} is another one"
        elif self.stage.planned.base.stage >= 0:
            reason = f"stage {self.shared.stages[self.stage.planned.base.stage].planned.name} rebuilt"
        else:
            reason = self._base_reason(inputs, nearest)
        if nearest is None and self._is_after_prune:
            return explain.Miss(reason)
        return explain.explain_miss(inputs, nearest, reason)

    def _base_reason(self, inputs: StepInputs, nearest: StepInputs | None) -> str:
        base = self.stage.planned.base.image
        if not base or nearest is None:
            return "base image changed"
        image = self.shared.images[base]
        return explain.base_reason(inputs.base, nearest.base, image.stored_ns, is_pulled=bool(image.digests))

    def _perform(self, step: Step, inputs: StepInputs, keys: tuple[str, ...], began: float) -> None:
        miss = self._explain(step, inputs)
        noted = StepReport(
            step.title, self.stage.planned.index, step.line.first, FAILED, miss.reason, miss.files[:_REPORTED], began
        )
        looked = self.shared.journal.now
        work = self.shared.reporter.start(step.title)
        work.missed(miss.reason, miss.files)
        snapshot_id = snapshots.new(self.shared.database, self.shared.paths)
        try:
            self._bring(step)
            self._take_root_mode(snapshot_id, is_alone=isinstance(step.action, CopyFiles) and step.action.link)
            is_steady = self._carry_out(step, snapshot_id, work)
            self._date(snapshot_id)
            fault.point("build.step-done")
        except BaseException as error:
            snapshots.discard(self.shared.database, self.shared.paths, snapshot_id)
            self.shared.journal.add(noted._replace(times=self._times(began, looked)))
            if isinstance(error, SampanError | OSError):
                failure = _at(step, error, work)
                self.shared.journal.error = failure.message
                work.failed(failure.message)
                raise failure from error
            raise
        self.shared.made.append(snapshot_id)
        result = Result(inputs.key, snapshot_id, "", time.time_ns())
        turn, self._turn = self._turn, None
        self.shared.recorder.add(Finished(result, keys if is_steady else (), self._place(), inputs, step, turn))
        self.shared.executed += 1
        self._rebuilt = step.number
        self.stage.advance(result)
        times = self._times(began, looked)
        self.shared.journal.add(noted._replace(state=DONE, times=times), snapshot_id)
        self._advise(step, inputs, miss, times.run)
        work.done()

    def _date(self, snapshot_id: str) -> None:
        if self.shared.times is not None and self.shared.times.files:
            from sampan.builder.work import dating

            dating.date(self.shared.paths.layer(snapshot_id), self.shared.times)

    def _bring(self, step: Step) -> None:
        """Have everything here that the step stands on and takes from."""
        self.shared.bring(self.stage.layers)
        for reading in readings(step.action):
            if reading.stage >= 0 or reading.image:
                self.shared.bring(self.shared.layers_of(reading))

    def _times(self, began: float, looked: float) -> Times:
        """What a step took that ends at this moment; the next one can begin."""
        before, self._ready = self._ready, self.shared.journal.now
        return Times(queue=began - before, look=looked - began, run=self._ready - looked)

    def _advise(self, step: Step, inputs: StepInputs, miss: explain.Miss, seconds: float) -> None:
        """Remember a COPY of changed files; of a RUN after it find out whether the order made it run again."""
        if isinstance(step.action, CopyFiles) and miss.files and inputs.content is not None:
            self._copied.append((step.words, miss.files, tuple(path for path, _ in inputs.content.files)))
        if isinstance(step.action, RunCommand) and self._copied and not self.shared.journal.advice:
            from sampan.builder.cache import ordering

            advice = (ordering.advise(*copied, step.words, seconds) for copied in self._copied)
            self.shared.journal.advice = next(filter(None, advice), "")

    def _take_root_mode(self, snapshot_id: str, *, is_alone: bool) -> None:
        """The topmost layer's folder decides mode and owner of the root; one that is alone knows nothing of others."""
        if self.stage.layers and not is_alone:
            below = os.stat(self.shared.paths.layer(self.stage.layers[-1]))
            folder = self.shared.paths.layer(snapshot_id)
            os.chown(folder, below.st_uid, below.st_gid)
            os.chmod(folder, below.st_mode & 0o7777)

    def _carry_out(self, step: Step, snapshot_id: str, work: Work) -> bool:
        """Do it; False when the result must not be remembered. Raises SampanError, OSError."""
        match step.action:
            case MakeWorkdir():
                self._make_workdir(step.action, snapshot_id)
            case CopyFiles():
                return copies.carry_out(self.stage, step, step.action, snapshot_id)
            case RunCommand():
                return commands.carry_out(self.stage, step, snapshot_id, self._network, work, self._give_up_turn)
        return True

    def _make_workdir(self, action: MakeWorkdir, snapshot_id: str) -> None:
        with views.writable(self.shared.paths, self.shared.workspace, self.stage.layers, snapshot_id) as root:
            try:
                owner = _owner(root, action.user) if action.user else owners.Owner(0, 0)
            except InvalidArgument:
                owner = owners.Owner(0, 0)  # as BuildKit: who USER is matters when something runs as it
            try:
                os.close(files.make_directories(root, action.path, 0o755, *owner))
            except NotADirectoryError as error:
                raise InvalidArgument(f"mkdir {action.path}: not a directory") from error


def _owner(root: int, text: str) -> owners.Owner:
    return owners.resolve(text, bundle.read_text(root, "etc/passwd"), bundle.read_text(root, "etc/group"))


def _at(step: Step, error: SampanError | OSError, work: Work | None = None) -> AtLine:
    """The error with its step's place; of a full disk what to do."""
    if isinstance(error, OSError):
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
