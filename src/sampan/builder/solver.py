"""A build from end to end: read, plan for each platform, look up, do what is missing, put the results together."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sampan.builder import checks, contexts, finishing, gathering, project, times
from sampan.builder.bases import Bases, Fetch
from sampan.builder.failures import AtLine, BuildFailed
from sampan.builder.finishing import Send
from sampan.builder.options import BuildOptions, BuildResult
from sampan.builder.plan import graph
from sampan.builder.plan.steps import Plan, readings
from sampan.builder.progress.events import Event, Opened, Reporter, size_text
from sampan.builder.project import Source
from sampan.builder.work.stages import Shared
from sampan.dockerfile import parser
from sampan.dockerfile.instructions import Dockerfile
from sampan.errors import InvalidArgument, SampanError
from sampan.linux import fault
from sampan.oci import platform, reference
from sampan.oci.config import ContainerConfig
from sampan.oci.platform import Platform
from sampan.storage.database import Database
from sampan.storage.paths import Paths

if TYPE_CHECKING:
    from sampan.builder.exchange.places import Connect
    from sampan.lint.findings import Finding


_LIKE_A_SECRET = 20  # characters of NAME=VALUE


class Examined(NamedTuple):
    """A Dockerfile that was looked at: what rules found, and why it cannot be built, None where it can be planned."""

    source: Source
    dockerfile: Dockerfile | None
    findings: "tuple[Finding, ...]" = ()
    failure: BuildFailed | None = None


def build(
    database: Database,
    paths: Paths,
    options: BuildOptions,
    on_event: Callable[[Event], None],
    fetch: Fetch | None = None,
    send: Send | None = None,
    connect: "Connect | None" = None,
) -> BuildResult:
    """Build an image for each platform, and hand the results to the outputs. `on_event` gets what happens, one event at
    a time, from any thread. Images that are not here, or not for the platform, come by `fetch`; without it they are
    errors. Results go to registries by `send`, caches by what `connect` gives.

    Raises BuildFailed with the step and its place in the Dockerfile; InvalidArgument for a malformed tag or platform,
    NotFound for a context that is not there. What was built before a failure stays cached, nothing else stays. When
    interrupted (KeyboardInterrupt), what runs is killed.
    """
    tags = tuple(_checked_tag(tag) for tag in options.tags)
    for text in options.platforms:
        platform.parse(text, _host())
    times.of(options)
    if options.secrets or options.agents:
        from sampan.builder.mounts import agents, secrets

        secrets.check(options.secrets)
        agents.check(options.agents)
    reporter = Reporter(on_event)
    with contexts.laid_out(database, paths, options._replace(tags=tags), reporter) as laid_out:
        return _Build(database, paths, laid_out, reporter, fetch).run(send, connect)


def examine(
    database: Database,
    paths: Paths,
    options: BuildOptions,
    on_event: Callable[[Event], None],
    fetch: Fetch | None = None,
) -> Examined:
    """Plan a build, and look at its Dockerfile by the rules of bad practice; nothing is built. Where the file wants
    findings to be errors, they are the failure."""
    reporter = Reporter(on_event)
    with contexts.laid_out(database, paths, options, reporter) as laid_out:
        return _Build(database, paths, laid_out, reporter, fetch).examine()


def _host() -> Platform:
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


class _Build:
    def __init__(
        self, database: Database, paths: Paths, options: BuildOptions, reporter: Reporter, fetch: Fetch | None
    ) -> None:
        self._database, self._paths, self._options, self._reporter = database, paths, options, reporter
        self._source = Source("", "Dockerfile", "")
        self._host = _host()
        self._bases = Bases(database, options, self._host, reporter, fetch)

    def run(self, send: Send | None, connect: "Connect | None") -> BuildResult:
        dockerfile = self._read()
        if self._options.shell_at:
            from sampan.dockerfile import cutting

            dockerfile = cutting.cut(dockerfile, self._options.shell_at, self._options.target)
            self._options = self._options._replace(target="")
        shared = self._shared()
        try:
            with project.placed(self._source):
                plans = self._plans(dockerfile)
                whole = plans[0]
                if len(plans) > 1:
                    from sampan.builder.plan import joining

                    plans = joining.joined(plans)
                    whole = joining.whole(plans)
                gathering.load_context(whole, shared, self._source)
                gathering.load_remotes(whole, shared)
                self._check(dockerfile, plans[0], shared)
                if self._options.cache_from:
                    gathering.load_caches(shared, connect)
                gathering.look_up(whole, shared)
                self._execute(whole, shared)
                if self._options.shell_at:
                    return self._shell(whole, shared)
                return finishing.finish(plans, shared, send, connect)
        finally:
            shared.close()

    def _shell(self, plan: Plan, shared: Shared) -> BuildResult:
        """A shell in place of the image."""
        from sampan.builder.work import shells

        shared.diff_ids()  # all that was made is recorded
        self._reporter.emit(Opened())
        shells.announce(f"a shell after {self._options.shell_at}")
        shells.after(shared, plan.result.config, shared.stages[plan.result.index].layers)
        self._reporter.emit(Opened(is_closed=True))
        return BuildResult("", (), shared.cached, shared.executed)

    def examine(self) -> Examined:
        try:
            dockerfile = self._read()
        except BuildFailed as error:
            return Examined(self._source, None, failure=error)
        shared = self._shared()
        shared.is_reported = False
        plan, failure = None, None
        try:
            with project.placed(self._source):
                plan = self._plans(dockerfile)[0]
                gathering.load_context(plan, shared, self._source)
        except BuildFailed as error:
            failure = error
        try:
            found = self._findings(dockerfile, plan, shared)
            return Examined(self._source, dockerfile, found, failure or self._violation(dockerfile, found))
        finally:
            shared.close()

    def _shared(self) -> Shared:
        place = project.place_of(self._source)
        shared = Shared(self._database, self._paths, self._options, self._reporter, place)
        shared.images = self._bases.found
        shared.source = self._source
        return shared

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
            with project.placed(self._source):
                dockerfile = parser.parse(self._source.text, name=self._source.name)
            syntax = self._options.build_args.get("BUILDKIT_SYNTAX") or dockerfile.syntax
            if syntax:
                work.status(f"syntax {syntax}: read by the built-in frontend")
        finally:
            work.done()
        return dockerfile

    def _plans(self, dockerfile: Dockerfile) -> tuple[Plan, ...]:
        """One plan for each platform, which is there for each of its images."""
        wanted = [platform.parse(text, self._host) for text in self._options.platforms] or [self._host]
        plans = tuple(self._plan(dockerfile, target) for target in dict.fromkeys(wanted))
        unused = plans[0].unused_arguments
        if unused:
            self._reporter.warn(f"One or more build-args [{' '.join(unused)}] were not consumed")
        return plans

    def _plan(self, dockerfile: Dockerfile, target: Platform) -> Plan:
        def load(key: str) -> ContainerConfig:
            return self._bases.get(key).config.config

        plan = graph.plan(dockerfile, self._options, target, self._host, load)
        for stage in plan.stages:
            for step in stage.steps:
                for reading in readings(step.action):
                    if not reading.image:
                        continue
                    try:
                        self._bases.get(reading.image)
                    except SampanError as error:
                        raise AtLine(error.message, step.line, hint=error.hint, kind=error) from error
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

    def _execute(self, plan: Plan, shared: Shared) -> None:
        pending = [shared.stages[stage.index] for stage in plan.stages if not shared.stages[stage.index].is_finished]
        fault.point("build.begun")
        if len(pending) == 1:
            pending[0].run()
        elif pending:
            from sampan.builder.work.parallel import Parallel

            Parallel(self._database, shared, pending).run()
