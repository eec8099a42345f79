"""From a parsed Dockerfile to the plan of a build. Pure, but for `load`, which gives the configurations of images."""

from collections.abc import Callable, Iterator, Mapping

from sampan.builder.failures import AtLine
from sampan.builder.options import BuildOptions
from sampan.builder.plan import evaluate, named
from sampan.builder.plan.state import PROXY_ARGUMENTS, Globals, State
from sampan.builder.plan.steps import (
    Action,
    Base,
    CopyFiles,
    Note,
    Plan,
    PlannedStage,
    RunCommand,
    Step,
    image_key,
    named_by,
    readings,
)
from sampan.dockerfile import parser, stages, words
from sampan.dockerfile.instructions import Arg, Copy, Dockerfile, Instruction, Line, Run, Stage, Workdir
from sampan.errors import SampanError
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.oci.config import ContainerConfig
from sampan.oci.platform import Platform

Load = Callable[[str], ContainerConfig]

# Build arguments that need no ARG: BuildKit's own.
_BUILT_IN = frozenset(
    (
        "BUILDKIT_BUILD_NAME",
        "BUILDKIT_CACHE_MOUNT_NS",
        "BUILDKIT_CONTEXT_KEEP_GIT_DIR",
        "BUILDKIT_DOCKERFILE_CHECK",
        "BUILDKIT_INLINE_CACHE",
        "BUILDKIT_MULTI_PLATFORM",
        "BUILDKIT_SANDBOX_HOSTNAME",
        "BUILDKIT_SYNTAX",
        "SOURCE_DATE_EPOCH",
    )
)


def plan(dockerfile: Dockerfile, options: BuildOptions, target: Platform, host: Platform, load: Load) -> Plan:
    """Decide which stages are built and what each of their instructions means.

    `load` answers with the configuration of a FROM's image, by its image_key(), and raises NotFound when there is none.
    Raises AtLine and ParseError with the instruction's place, NotFound for an unknown target stage.
    """
    return _Planning(dockerfile, options, target, host, load).run()


def platform_arguments(target: Platform, host: Platform) -> dict[str, str]:
    """The ARGs that BuildKit sets by itself."""
    named = {"TARGET": target, "BUILD": host}
    return {
        prefix + name: value
        for prefix, platform in named.items()
        for name, value in (
            ("PLATFORM", str(platform)),
            ("OS", platform.os),
            ("ARCH", platform.architecture),
            ("VARIANT", platform.variant),
        )
    }


def global_arguments(
    declared: tuple[Arg, ...], build_args: Mapping[str, str], automatic: Mapping[str, str], escape: str
) -> dict[str, str]:
    """The values of ARGs before the first FROM, and of those that need no declaration."""
    values = {name: build_args.get(name, value) for name, value in automatic.items()}
    written = 0
    for instruction in declared:
        for name, default in instruction.pairs:
            if name in build_args:
                values[name] = build_args[name]
            elif default is not None:
                try:
                    values[name] = words.expand(default, values.get, escape)
                except SampanError as error:
                    raise AtLine(error.message, instruction.line, hint=error.hint, kind=error) from error
                written += len(values[name])
                if written > evaluate.MAX_WRITTEN:
                    raise AtLine("the arguments before the first FROM are too large", instruction.line)
    return values


class _Planning:
    def __init__(
        self, dockerfile: Dockerfile, options: BuildOptions, target: Platform, host: Platform, load: Load
    ) -> None:
        if options.contexts:
            dockerfile = named.without_replaced(dockerfile, options.contexts)
        self._dockerfile, self._options, self._target, self._load = dockerfile, options, target, load
        self._host = host
        self._build_args = {name: value for name, value in options.build_args.items() if value is not None}
        self._arguments = global_arguments(
            dockerfile.arguments, self._build_args, platform_arguments(target, host), dockerfile.escape
        )
        self._states: dict[int, State] = {}
        self._done: dict[int, PlannedStage] = {}

    def run(self) -> Plan:
        self._arguments["TARGETSTAGE"] = self._options.target or "default"
        self._resolved = stages.resolve(
            self._dockerfile,
            self._options.target,
            expand=self._base_name,
        )
        self._plan_stages(self._resolved.target)
        return Plan(tuple(self._done.values()), self._target, self._unused())

    def _base_name(self, text: str) -> str:
        """What a FROM names, variables expanded, named contexts in the place of images."""
        name = words.expand(text, self._arguments.get, self._dockerfile.escape)
        origin = self._named(name)
        if origin is None:
            return name
        return origin.image or named.PREFIX + origin.context

    def _named(self, text: str) -> stages.Origin | None:
        """What --build-context says that a name means."""
        return named.origin(text, self._options.contexts) if self._options.contexts else None

    def _plan_stages(self, target: int) -> None:
        """Plan `target` after all that it needs. Not recursive: a hostile file may chain thousands of stages."""
        pending = [target]
        begun: dict[int, PlannedStage] = {}
        while pending:
            index = pending[-1]
            origin = self._resolved.bases[index]
            if index in self._done:
                pending.pop()
            elif origin.stage is not None and origin.stage not in self._done:
                pending.append(origin.stage)
            else:
                if index not in begun:
                    begun[index] = self._begun(index)
                missing = [needed for needed in sorted(begun[index].needs) if needed not in self._done]
                if missing:
                    pending.append(missing[0])
                else:
                    self._done[index] = begun[index]

    def _begun(self, index: int) -> PlannedStage:
        """A stage whose base is planned, evaluated."""
        stage, origin = self._resolved.stages[index], self._resolved.bases[index]
        runs_on = self._runs_on(index)
        triggers: tuple[Instruction, ...] = ()
        if origin.stage is not None:
            base = Base(origin.stage)
            ended = self._states[origin.stage]
            state = evaluate.begin(ContainerConfig(), ended)
            triggers = self._triggers(ended.config, stage)
        elif origin.image == stages.SCRATCH or origin.image.startswith(named.PREFIX):
            base = Base()
            state = evaluate.begin(ContainerConfig(working_dir="/"), None)
        else:
            key = image_key(origin.image, runs_on, self._host)
            base = Base(image=key, shown=reference.parse(origin.image).normalised())
            config = self._loaded(key, stage)
            state = evaluate.begin(config, None)
            triggers = self._triggers(config, stage)
        return self._evaluated(stage, base, state, triggers, runs_on)

    def _runs_on(self, index: int) -> Platform:
        """The platform of a stage: FROM's own, or that of the stage it is built on, or the build's. Raises AtLine."""
        stage, origin = self._resolved.stages[index], self._resolved.bases[index]
        if origin.stage is not None:
            return self._done[origin.stage].runs_on or self._target
        text = self._resolved.platforms[index]
        if not text:
            return self._target
        try:
            return platforms.parse(text, self._host)
        except SampanError as error:
            message = f"failed to parse platform {text}: {error.message}"
            raise AtLine(message, stage.base.line, hint="such as linux/arm64", kind=error) from error

    def _loaded(self, key: str, stage: Stage) -> ContainerConfig:
        try:
            return self._load(key)
        except SampanError as error:
            near = self._resolved.near_stage(named_by(key)[0])
            hint = f"did you mean the stage {near}?" if near else error.hint
            raise AtLine(error.message, stage.base.line, hint=hint, kind=error) from error

    def _triggers(self, config: ContainerConfig, stage: Stage) -> tuple[Instruction, ...]:
        """The base image's ONBUILD instructions, all placed at the FROM that sets them off."""
        found = []
        for text in config.on_build or ():
            try:
                trigger = parser.parse_trigger(text)
            except SampanError as error:
                raise AtLine(error.message, stage.base.line, hint=error.hint, kind=error) from error
            place = Line(stage.base.line.first, stage.base.line.last, trigger.line.source)
            found.append(trigger._replace(line=place))
        return tuple(found)

    def _evaluated(
        self, stage: Stage, base: Base, state: State, triggers: tuple[Instruction, ...], runs_on: Platform
    ) -> PlannedStage:
        around = Globals(
            self._options,
            self._build_args,
            self._arguments,
            self._dockerfile.escape,
            find_origin=lambda text: self._named(text) or self._resolved.copy_origin(stage.index, text),
            find_mounted=lambda text, target: (
                self._named(text) or self._resolved.mount_origin(stage.index, text, target)
            ),
        )
        counted = sum(isinstance(instruction, Copy | Run | Workdir) for instruction in stage.instructions)
        planned = PlannedStage(
            index=stage.index,
            name=stages.display_name(stage),
            label=self._label(stage, runs_on),
            base=base,
            base_line=stage.base.line,
            records=(),
            config=state.config,
            author="",
            total=counted + (1 if base.image else 0),
            platform=self._resolved.platforms[stage.index],
            runs_on=runs_on,
        )
        number = 1 if base.image else 0
        records: list[Step | Note] = []
        folder = self._resolved.bases[stage.index].image
        if folder.startswith(named.PREFIX):
            number += 1
            step = named.as_base(folder.removeprefix(named.PREFIX), stage.base.line)
            records.append(step._replace(number=number, title=planned.prefix(number) + step.title))
        for instruction, is_trigger in _in_order(triggers, stage.instructions):
            state, record = evaluate.evaluate(instruction, state, around)
            if isinstance(record, Step):
                number += 1
                title = planned.prefix(number) + record.title
                record = record._replace(number=number, title=title, is_trigger=is_trigger)
                record = record._replace(action=_with_keys(record.action, runs_on, self._host))
            if record is not None:
                records.append(record)
        self._states[stage.index] = state
        return planned._replace(records=tuple(records), config=state.config, author=state.author)

    def _label(self, stage: Stage, runs_on: Platform) -> str:
        """What stands before the numbers of a stage's steps: for which platform, where there are several, and its
        name."""
        name = stages.display_name(stage) if len(self._dockerfile.stages) > 1 else ""
        if len(self._options.platforms) < 2:
            return name
        others = "/".join(part for part in self._target[1:] if part)
        platform = str(runs_on) if runs_on == self._target else f"{runs_on}->{others}"
        return f"{platform} {name}".rstrip()

    def _unused(self) -> tuple[str, ...]:
        declared = {name for instruction in self._dockerfile.arguments for name, _ in instruction.pairs}
        for stage in self._done:
            declared |= {name for name, _ in self._states[stage].declared}
        known = declared | PROXY_ARGUMENTS | _BUILT_IN | {"TARGETSTAGE"}
        automatic = platform_arguments(self._target, self._target)
        return tuple(sorted(name for name in self._build_args if name not in known and name not in automatic))


def _with_keys(action: Action, platform: Platform, host: Platform) -> Action:
    """An action whose images are called by their keys: those that it reads are for the stage's platform."""
    if platform == host:
        return action
    if isinstance(action, CopyFiles) and action.image:
        return action._replace(image=image_key(action.image, platform, host))
    if isinstance(action, RunCommand):
        keyed = (
            mount._replace(image=image_key(mount.image, platform, host)) if mount.image else mount
            for mount in action.mounts
        )
        return action._replace(mounts=tuple(keyed))
    return action


def _in_order(
    triggers: tuple[Instruction, ...], instructions: tuple[Instruction, ...]
) -> Iterator[tuple[Instruction, bool]]:
    for trigger in triggers:
        yield trigger, True
    for instruction in instructions:
        yield instruction, False


def images(plan: Plan) -> tuple[str, ...]:
    """The images that a plan takes files from, besides those that its stages are built on."""
    found = (reading.image for stage in plan.stages for step in stage.steps for reading in readings(step.action))
    return tuple(dict.fromkeys(image for image in found if image))
