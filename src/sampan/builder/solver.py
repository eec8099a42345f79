"""A build from end to end: read, plan, look up, do what is missing, put the image together."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sampan.builder import assemble, checks, project
from sampan.builder.cache import store
from sampan.builder.failures import AtLine, BuildFailed, Excerpt
from sampan.builder.options import BuildOptions, BuildResult
from sampan.builder.plan import graph
from sampan.builder.plan.steps import CopyFiles, Mount, Plan, PlannedStage, readings
from sampan.builder.progress.events import Event, Reporter
from sampan.builder.project import Source
from sampan.builder.work.stages import ContextFiles, Shared, StageWork
from sampan.dockerfile import parser
from sampan.dockerfile.errors import ParseError
from sampan.dockerfile.instructions import Dockerfile
from sampan.errors import InvalidArgument, NotFound, SampanError
from sampan.images import happenings, lock
from sampan.images import store as images
from sampan.images.model import Image
from sampan.linux import fault, files
from sampan.oci import platform, reference
from sampan.oci.config import ContainerConfig, ImageConfig
from sampan.storage.database import Database
from sampan.storage.paths import Paths

if TYPE_CHECKING:
    from sampan.lint.findings import Finding

_BOOTSTRAPPED = ("debian", "ubuntu")


class Examined(NamedTuple):
    """A Dockerfile that was looked at: what rules found, and why it cannot be built, None where it can be planned."""

    source: Source
    dockerfile: Dockerfile | None
    findings: "tuple[Finding, ...]" = ()
    failure: BuildFailed | None = None


_LIKE_A_SECRET = 20  # characters of NAME=VALUE

Fetch = Callable[[str, str, Callable[[str], object]], object]
"""Gets an image from its registry: its reference, a platform, and what is told how it goes. Raises NotFound ..."""


def build(
    database: Database,
    paths: Paths,
    options: BuildOptions,
    on_event: Callable[[Event], None],
    fetch: Fetch | None = None,
) -> BuildResult:
    """Build an image, and tag it. `on_event` gets what happens, one event at a time, from any thread. Images that are
    not here, or not for the platform, come by `fetch`; without it they are errors.

    Raises BuildFailed with the step and its place in the Dockerfile; InvalidArgument for a malformed tag, NotFound for
    a context that is not there. What was built before a failure stays cached, nothing else stays. When interrupted
    (KeyboardInterrupt), what runs is killed.
    """
    tags = tuple(_checked_tag(tag) for tag in options.tags)
    if options.platform:
        platform.parse(options.platform, _host())
    project.check_context(options)
    if options.secrets or options.agents:
        from sampan.builder.mounts import agents, secrets

        secrets.check(options.secrets)
        agents.check(options.agents)
    return _Build(database, paths, options, tags, Reporter(on_event), fetch).run()


def examine(
    database: Database,
    paths: Paths,
    options: BuildOptions,
    on_event: Callable[[Event], None],
    fetch: Fetch | None = None,
) -> Examined:
    """Plan a build, and look at its Dockerfile by the rules of bad practice; nothing is built. Where the file wants
    findings to be errors, they are the failure."""
    project.check_context(options)
    return _Build(database, paths, options, (), Reporter(on_event), fetch).examine()


def _host() -> platform.Platform:
    return platform.host_platform(os.uname().machine)


def _checked_tag(text: str) -> str:
    try:
        wanted = reference.parse(text)
    except InvalidArgument as error:
        reason = error.message
        if "must be lowercase" in reason:
            reason = "repository name must be lowercase"
        raise InvalidArgument(f'invalid tag "{text}": {reason}', hint=error.hint) from error
    if wanted.digest:
        raise InvalidArgument(f'invalid tag "{text}": a tag cannot have a digest')
    return wanted.normalised()


def _how_to_make(name: reference.Reference) -> str:
    familiar = name.familiar()
    known = name.repository.removeprefix(reference.OFFICIAL) in _BOOTSTRAPPED
    command = f"sampan image bootstrap {familiar}" if known else f"sampan import ROOTFS.tar {familiar}"
    return f"no image of that name is here: make it with `{command}`"


class _Build:
    def __init__(
        self,
        database: Database,
        paths: Paths,
        options: BuildOptions,
        tags: tuple[str, ...],
        reporter: Reporter,
        fetch: Fetch | None,
    ) -> None:
        self._database, self._paths, self._options, self._tags = database, paths, options, tags
        self._fetch = fetch
        self._wanted: dict[
            str, platform.Platform
        ] = {}  # for which platform an image is taken, where it is not the target
        self._reporter = reporter
        self._locked: lock.Lock | None = None
        self._source = Source("", "Dockerfile", "")
        self._host = _host()

    def run(self) -> BuildResult:
        dockerfile = self._read()
        shared = Shared(self._database, self._paths, self._options, self._reporter, self._place())
        try:
            with self._placed():
                plan = self._plan(dockerfile, shared)
                self._load_context(plan, shared)
                self._load_remotes(plan, shared)
                self._check(dockerfile, plan, shared)
                self._look_up(plan, shared)
                self._execute(plan, shared)
                return self._finish(plan, shared)
        finally:
            shared.close()

    def examine(self) -> Examined:
        try:
            dockerfile = self._read()
        except BuildFailed as error:
            return Examined(self._source, None, failure=error)
        shared = Shared(self._database, self._paths, self._options, self._reporter, self._place())
        shared.is_reported = False
        plan, failure = None, None
        try:
            with self._placed():
                plan = self._plan(dockerfile, shared)
                self._load_context(plan, shared)
        except BuildFailed as error:
            failure = error
        try:
            found = self._findings(dockerfile, plan, shared)
            return Examined(self._source, dockerfile, found, failure or self._violation(dockerfile, found))
        finally:
            shared.close()

    def _place(self) -> str:
        return project.place_of(self._source)

    def _read(self) -> Dockerfile:
        name = os.path.basename(self._options.dockerfile) or "Dockerfile"
        work = self._reporter.start(f"[internal] load build definition from {name}")
        try:
            self._source = project.read_dockerfile(self._options)
        except SampanError:
            work.status("transferring dockerfile: 2B done")
            work.done()
            raise
        work.status(f"transferring dockerfile: {size_text(len(self._source.text.encode()))} done")
        try:
            with self._placed():
                dockerfile = parser.parse(self._source.text, name=self._source.name)
        finally:
            work.done()
        return dockerfile

    @contextmanager
    def _placed(self) -> Iterator[None]:
        """Errors leave with the lines of the Dockerfile that they are about."""
        try:
            yield
        except AtLine as error:
            excerpt = Excerpt(self._source.name, self._source.text, error.line.first, error.line.last)
            raise BuildFailed(
                error.message,
                hint=error.hint,
                kind=error.kind or error,
                excerpt=excerpt,
                step=error.step,
                output=error.output,
            ) from error
        except ParseError as error:
            excerpt_ = Excerpt(self._source.name, self._source.text, error.line, error.last) if error.line else None
            raise BuildFailed(error.message, hint=error.hint, kind=error, excerpt=excerpt_) from error

    def _plan(self, dockerfile: Dockerfile, shared: Shared) -> Plan:
        target = self._host
        if self._options.platform:
            target = platform.parse(self._options.platform, self._host)

        def load(text: str) -> ContainerConfig:
            return self._image(text, shared, target).config.config

        plan = graph.plan(dockerfile, self._options, target, self._host, load)
        for stage in plan.stages:
            if self._is_for_another(stage, target, shared):
                return self._plan(dockerfile, shared)  # with the image for that platform: its configuration may differ
            for step in stage.steps:
                for reading in readings(step.action):
                    if not reading.image:
                        continue
                    try:
                        self._image(reading.image, shared, target)
                    except SampanError as error:
                        raise AtLine(error.message, step.line, hint=error.hint, kind=error) from error
        if plan.unused_arguments:
            self._reporter.warn(f"One or more build-args [{' '.join(plan.unused_arguments)}] were not consumed")
        return plan

    def _findings(self, dockerfile: Dockerfile, plan: Plan | None, shared: Shared) -> "tuple[Finding, ...]":
        tree = shared.context.tree
        return checks.findings(
            dockerfile,
            self._source.text,
            self._options,
            self._host,
            plan=plan,
            images=shared.images,
            patterns=tree.patterns if tree is not None else None,
        )

    def _violation(self, dockerfile: Dockerfile, found: "tuple[Finding, ...]") -> BuildFailed | None:
        """The failure that findings are where the file wants them to be one."""
        if not found or not checks.control(dockerfile, self._options).is_error:
            return None
        names = ", ".join(dict.fromkeys(finding.rule for finding in found))
        return BuildFailed(f"lint violation found for rules: {names}", hint="# check=error=true makes findings errors")

    def _check(self, dockerfile: Dockerfile, plan: Plan, shared: Shared) -> None:
        """Warn of bad practice. Raises BuildFailed where the file wants that to be an error."""
        found = self._findings(dockerfile, plan, shared)
        for finding in found:
            self._reporter.warn(f"{finding.rule}: {finding.message} (line {finding.first})")
        env = [entry for entry in plan.result.config.env if len(entry) >= _LIKE_A_SECRET and entry[:5] != "PATH="]
        if self._options.build_args or env:
            from sampan.builder.plan import tokens

            for line in tokens.suspicions(self._options.build_args, env):
                self._reporter.warn(line)
        violation = self._violation(dockerfile, found)
        if violation is not None:
            raise violation

    def _is_for_another(self, stage: PlannedStage, target: platform.Platform, shared: Shared) -> bool:
        """Whether a stage's base has to be had for another platform. Raises AtLine when it can't be."""
        if not stage.base.image:
            return False
        config = shared.images[stage.base.image].config
        mine = platform.normalise(config.os, config.architecture, config.variant)
        wanted = platform.parse(stage.platform, self._host) if stage.platform else target
        if platform.satisfies(mine, wanted):
            return False
        if self._fetch is not None and self._wanted.get(stage.base.image) != wanted:
            self._wanted[stage.base.image] = wanted
            del shared.images[stage.base.image]
            return True
        raise AtLine(
            f"{stage.base.image}: failed to resolve source metadata for {stage.base.shown}:"
            f" no match for platform in manifest: not found",
            stage.base_line,
            hint=f"the image here is for {mine}, not for {wanted}",
        )

    def _image(self, text: str, shared: Shared, target: platform.Platform) -> Image:
        """The image that FROM or --from names, fetched when it is not here for its platform."""
        if text in shared.images:
            return shared.images[text]
        name = reference.parse(text)
        whole, wanted = name.normalised(), self._wanted.get(text)
        if self._lock() and not name.digest and whole not in self._lock():
            self._reporter.warn(f"{lock.FILE} does not name {whole}: `sampan lock` adds it")
        exact = lock.candidates(self._lock(), text, str(wanted or target)) or (text,)
        work = self._reporter.start(f"[internal] load metadata for {whole}")
        try:
            present = (self._present(one, wanted or target, must_fit=wanted is not None) for one in exact)
            image = next((found for found in present if found is not None), None)
            if image is None and self._fetch is not None:
                self._fetch(exact[0], str(wanted or target), work.status)
                image = images.find(self._database, exact[0])
            if image is None:
                raise NotFound("not found", hint=_how_to_make(name))
        except SampanError as error:
            reason = error.message if self._fetch is not None else "not found"
            work.failed(f"{whole}: {reason}")
            message = f"{text}: failed to resolve source metadata for {whole}: {reason}"
            hints = dict.fromkeys(hint for hint in (error.hint, self._what_is_here(name, wanted)) if hint)
            raise NotFound(message, hint="; ".join(hints)) from error
        work.done()
        shared.images[text] = image
        return image

    def _what_is_here(self, name: reference.Reference, wanted: platform.Platform | None) -> str:
        try:
            config = images.find(self._database, name.normalised()).config
        except NotFound:
            return _how_to_make(name)
        mine = platform.normalise(config.os, config.architecture, config.variant)
        return f"the image here is for {mine}, not for {wanted}" if wanted else ""

    def _lock(self) -> lock.Lock:
        """What sampan.lock in the context says that names mean. Raises InvalidArgument for a mistake in it."""
        if self._locked is None:
            self._locked = (
                project.read_lock(os.path.join(self._options.context, lock.FILE)) if self._options.context else {}
            )
        return self._locked

    def _present(self, text: str, wanted: platform.Platform, *, must_fit: bool) -> Image | None:
        """The image here; None when there is none that may be taken."""
        if self._options.pull and self._fetch is not None:
            return None
        try:
            image = images.find(self._database, text)
        except NotFound:
            return None
        mine = platform.normalise(image.config.os, image.config.architecture, image.config.variant)
        return None if must_fit and not platform.satisfies(mine, wanted) else image

    def _look_up(self, plan: Plan, shared: Shared) -> None:
        """Take from the cache what is there; what is left to do is in the stages that are not finished."""
        titles: list[str] = []
        with self._database.transaction():
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
            self._reporter.start(title).cached()

    def _load_context(self, plan: Plan, shared: Shared) -> None:
        """Look at the files that steps take from the context, before the store is locked."""
        from sampan.builder.files.context import open_context

        wanted = [
            (stage, step, reading)
            for stage in plan.stages
            for step in stage.steps
            for reading in readings(step.action)
            if reading.stage < 0 and not reading.image and (isinstance(reading, Mount) or reading.sources)
        ]
        if not wanted:
            return
        tree = open_context(self._options, self._source, self._paths.root + "/build-contexts")
        shared.context = ContextFiles(tree)
        if tree is None:
            return
        work = self._reporter.start("[internal] load build context")
        for stage, step, reading in wanted:
            try:
                shared.context.of(stage, step, reading)
            except SampanError:
                continue  # the step itself tells it, when its turn comes
        tree.remember()
        work.done()

    @staticmethod
    def _load_remotes(plan: Plan, shared: Shared) -> None:
        """Find out what sources elsewhere are, before the store is locked."""
        actions = (step.action for stage in plan.stages for step in stage.steps)
        if any(isinstance(action, CopyFiles) and action.remotes for action in actions):
            shared.remotes.find_all(plan)

    def _execute(self, plan: Plan, shared: Shared) -> None:
        pending = [shared.stages[stage.index] for stage in plan.stages if not shared.stages[stage.index].is_finished]
        fault.point("build.begun")
        if len(pending) == 1:
            pending[0].run()
        elif pending:
            from sampan.builder.work.parallel import Parallel

            Parallel(self._database, shared, pending).run()

    def _finish(self, plan: Plan, shared: Shared) -> BuildResult:
        work = self._reporter.start("exporting to image")
        try:
            diff_ids = shared.diff_ids()
        except AtLine as error:
            work.failed(error.message)
            raise
        except (OSError, SampanError) as error:
            failure = _unrecorded(error)
            work.failed(failure.message)
            raise failure from error
        made = {index: stage.made(diff_ids) for index, stage in shared.stages.items()}
        bases = {stage.index: shared.images[stage.base.image].config for stage in plan.stages if stage.base.image}
        config = assemble.assemble(plan, bases, made, self._options.labels)
        if self._options.secrets:
            _check_secrets(config, shared)
        work.status("exporting layers done")
        layers = shared.stages[plan.result.index].layers
        with self._database.transaction():
            image_id = images.add(self._database, config, layers, tags=self._tags)
            happenings.record(self._database, image_id, "create")
            store.mark_used(self._database, tuple(shared.used_keys))
        fault.point("build.image-added")
        work.status(f"writing image {image_id} done")
        for tag in self._tags:
            work.status(f"naming to {tag} done")
        work.done()
        if self._options.iidfile:
            files.write_atomically(self._options.iidfile, image_id.encode())
        return BuildResult(image_id, self._tags, shared.cached, shared.executed)


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


def size_text(size: int) -> str:
    """Bytes as BuildKit prints them: 92B, 1.24kB, 123.5kB."""
    if size < 1000:
        return f"{size}B"
    value, units = size / 1000, ["kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g}{units[0]}" if value < 100 else f"{value:.1f}{units[0]}"
