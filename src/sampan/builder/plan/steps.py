"""The plan of a build: stages, and in each the steps that make a layer. Values only."""

from typing import NamedTuple

from sampan.dockerfile.instructions import Line
from sampan.oci.config import ContainerConfig
from sampan.oci.platform import Platform

Pairs = tuple[tuple[str, str], ...]


class MakeWorkdir(NamedTuple):
    """WORKDIR: make the absolute `path`; folders that are missing belong to `user` (as in USER, "" is root)."""

    path: str
    user: str


class Inline(NamedTuple):
    """A file whose text stands in the Dockerfile."""

    name: str
    text: str


class CopyFiles(NamedTuple):
    """COPY or ADD, all words expanded. `destination` is absolute, a trailing slash is kept.

    Files come from the context, or from the stage with the index `stage` (-1 is none), or from the image `image`.
    `chown` is "user[:group]" or "", `chmod` octal or symbolic or "".
    """

    sources: tuple[str, ...]
    destination: str
    inline: tuple[Inline, ...] = ()
    stage: int = -1
    image: str = ""
    chown: str = ""
    chmod: str = ""
    parents: bool = False
    exclude: tuple[str, ...] = ()
    unpack: bool = False


class RunCommand(NamedTuple):
    """RUN: `args` is what is executed. `secret_env` is set but decides nothing: proxies.

    `script` is the text of a heredoc whose first line names its interpreter; then `args` is the path it is shown at.
    """

    args: tuple[str, ...]
    env: Pairs
    arguments: Pairs
    cwd: str
    user: str
    network: str = "default"
    secret_env: Pairs = ()
    script: str = ""


Action = MakeWorkdir | CopyFiles | RunCommand


class Step(NamedTuple):
    """One step that makes a layer. `words` is the instruction as a person knows it, `title` what progress shows.

    `number` is what stands in "[build 2/4]"; the base is number 1 where there is one. `created_by` is its history.
    `used` are the variables that its words mention, as ("ARG VERSION", value).
    """

    action: Action
    line: Line
    words: str
    title: str
    number: int
    created_by: str
    used: Pairs = ()
    is_trigger: bool = False


class Note(NamedTuple):
    """A line of history of an instruction that makes no layer."""

    created_by: str


class Base(NamedTuple):
    """What a stage begins with: the stage `stage`, or the image `image`, or with neither an empty root.

    `shown` is the image's whole reference.
    """

    stage: int = -1
    image: str = ""
    shown: str = ""


class PlannedStage(NamedTuple):
    """A stage, evaluated. `records` holds its history in order; `config` is what it ends with.

    `total` is what its steps are counted up to. `label` is what stands before the number, "" when there is one stage.
    """

    index: int  # type: ignore[assignment]  # hides the method of tuple
    name: str
    label: str
    base: Base
    base_line: Line
    records: tuple[Step | Note, ...]
    config: ContainerConfig
    author: str
    total: int
    platform: str = ""

    @property
    def base_title(self) -> str:
        return f"{self.prefix(1)}FROM {self.base.shown}"

    def prefix(self, number: int) -> str:
        """ "[build 2/4] ", what a step's title begins with."""
        width = len(str(self.total))
        return f"[{self.label}{' ' if self.label else ''}{number:{width}d}/{self.total}] "

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(record for record in self.records if isinstance(record, Step))

    @property
    def needs(self) -> frozenset[int]:
        """Stages that must be there before this one can be."""
        found = {self.base.stage} if self.base.stage >= 0 else set()
        for step in self.steps:
            if isinstance(step.action, CopyFiles) and step.action.stage >= 0:
                found.add(step.action.stage)
        return frozenset(found)


class Plan(NamedTuple):
    """Needed stages in an order in which they can be built; the last one is the target."""

    stages: tuple[PlannedStage, ...]
    platform: Platform
    unused_arguments: tuple[str, ...] = ()

    @property
    def result(self) -> PlannedStage:
        return self.stages[-1]

    def stage(self, index: int) -> PlannedStage:
        return next(stage for stage in self.stages if stage.index == index)
