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


class Remote(NamedTuple):
    """A source of ADD that is elsewhere: `kind` is http or git. `name` is the last part of its path.

    Of http `checksum` is "sha256:HEX" or ""; of git it is the beginning of a commit. `ref` is a branch, a tag, a commit
    or "" for the repository's HEAD, `subdir` the folder of it that is wanted, "" for all.
    """

    kind: str
    url: str
    name: str
    checksum: str = ""
    ref: str = ""
    subdir: str = ""
    keep_git_dir: bool = False
    submodules: bool = True


class CopyFiles(NamedTuple):
    """COPY or ADD, all words expanded. `destination` is absolute, a trailing slash is kept.

    `sources` come from the context, or from the stage with the index `stage` (-1 is none), or from the image `image`,
    or from the folder that --build-context calls `context`; `remotes` from elsewhere. `chown` is "user[:group]" or "",
    `chmod` octal or symbolic or "". With `link` the files make a layer that knows nothing of those below. `unpack` is
    for local archives, `unpack_remote` for those of http.
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
    remotes: tuple[Remote, ...] = ()
    context: str = ""
    link: bool = False
    unpack_remote: bool = False


class Mount(NamedTuple):
    """One mount of a RUN, all words expanded. `type` is bind, cache, tmpfs, secret or ssh; `target` is absolute.

    What bind shows, and what a cache begins with, is `source` in the build context, in the stage with the index `stage`
    (-1 is none), in the image `image`, or in the folder that --build-context calls `context`; a cache that begins empty
    has none (`is_empty`). `id` names a cache, with its namespace, or a secret, or an agent. A secret without a target
    goes to the variable `env` alone. mode, uid and gid are None when not given.
    """

    type: str
    target: str
    source: str = "/"
    stage: int = -1
    image: str = ""
    is_empty: bool = False
    read_only: bool = False
    id: str = ""
    sharing: str = "shared"
    required: bool = False
    size_bytes: int = 0
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    env: str = ""
    context: str = ""

    @property
    def reads(self) -> bool:
        """Whether it shows files of the context, a stage or an image."""
        return self.type == "bind" or (self.type == "cache" and not self.is_empty)


class RunCommand(NamedTuple):
    """RUN: `args` is what is executed. `secret_env` is set but decides nothing: proxies.

    `script` is the text of a heredoc whose first line names its interpreter; then `args` is the path it is shown at.
    `hosts` are (name, address) for /etc/hosts, `ulimits` (name, soft, hard); `shm_bytes` 0 is the usual size.
    `is_insecure` gives all capabilities and devices.
    """

    args: tuple[str, ...]
    env: Pairs
    arguments: Pairs
    cwd: str
    user: str
    network: str = "default"
    secret_env: Pairs = ()
    script: str = ""
    mounts: tuple[Mount, ...] = ()
    hostname: str = ""
    hosts: Pairs = ()
    shm_bytes: int = 0
    ulimits: tuple[tuple[str, int, int], ...] = ()
    cgroup_parent: str = ""
    is_insecure: bool = False


Action = MakeWorkdir | CopyFiles | RunCommand


def image_key(image: str, platform: Platform, host: Platform) -> str:
    """What a plan calls an image that has to be for `platform`: by its name alone where that is the host's."""
    return image if platform == host else f"{image} for {platform}"


def named_by(key: str) -> tuple[str, str]:
    """(image, platform or "" for the host's) of an image_key()."""
    image, _, platform = key.partition(" for ")
    return image, platform


Reading = CopyFiles | Mount
"""What takes files from elsewhere."""


def readings(action: Action) -> tuple[Reading, ...]:
    """Where a step takes files from, besides its own root."""
    if isinstance(action, CopyFiles):
        return (action,)
    if isinstance(action, RunCommand):
        return tuple(mount for mount in action.mounts if mount.reads)
    return ()


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

    Images are called by their image_key() here and in all that reads; `shown` is the image's whole reference.
    """

    stage: int = -1
    image: str = ""
    shown: str = ""


class PlannedStage(NamedTuple):
    """A stage, evaluated. `records` holds its history in order; `config` is what it ends with.

    `total` is what its steps are counted up to. `label` is what stands before the number, "" when there is one stage.
    `platform` is what its FROM says, `runs_on` the platform that its commands are for.
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
    runs_on: Platform | None = None

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
            found |= {reading.stage for reading in readings(step.action) if reading.stage >= 0}
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
