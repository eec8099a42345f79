"""The instructions of a Dockerfile, typed. Words are as written: variables are expanded by the one who evaluates them,
in the order of the file, through `words.expand`."""

from typing import NamedTuple

from sampan.oci.config import HealthConfig


class Line(NamedTuple):
    """Where an instruction stands: first and last line (from 1), and its source with continuation lines joined.

    As in Docker nothing stands in place of the line's end, and the blanks at the start of a continuation line stay.
    `last` counts the lines of here-documents, `source` doesn't hold them.
    """

    first: int
    last: int
    source: str


class Heredoc(NamedTuple):
    """A here-document. `expand` is False when its word was quoted; `chomp` is True for <<-, and the
    leading tabs of its lines are gone from `text` already; `text` is empty or ends in a newline."""

    name: str
    text: str
    expand: bool
    chomp: bool


class Command(NamedTuple):
    """The argument of RUN, CMD, ENTRYPOINT and HEALTHCHECK CMD: `exec` form words, or one `shell` text."""

    exec: tuple[str, ...] | None
    shell: str = ""


class From(NamedTuple):
    line: Line
    image: str
    name: str = ""  # lower case; "" without AS
    platform: str = ""


class Arg(NamedTuple):
    line: Line
    pairs: tuple[tuple[str, str | None], ...]  # (name, default or None)


class Env(NamedTuple):
    line: Line
    pairs: tuple[tuple[str, str], ...]


class Label(NamedTuple):
    line: Line
    pairs: tuple[tuple[str, str], ...]


class Run(NamedTuple):
    line: Line
    command: Command
    heredocs: tuple[Heredoc, ...] = ()
    mounts: tuple[str, ...] = ()  # raw values of --mount
    network: str = ""
    security: str = ""


class Copy(NamedTuple):
    """COPY and ADD. A heredoc source is in `heredocs`, in `sources` stands its name. `destination` is the last word."""

    line: Line
    is_add: bool
    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()
    from_: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()
    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool | None = None


class Cmd(NamedTuple):
    line: Line
    command: Command


class Entrypoint(NamedTuple):
    line: Line
    command: Command


class Expose(NamedTuple):
    line: Line
    ports: tuple[str, ...]  # as written, to be expanded, then split and ranged


class User(NamedTuple):
    line: Line
    user: str


class Volume(NamedTuple):
    line: Line
    paths: tuple[str, ...]


class Workdir(NamedTuple):
    line: Line
    path: str


class Shell(NamedTuple):
    line: Line
    words: tuple[str, ...]


class StopSignal(NamedTuple):
    line: Line
    signal: str


class Healthcheck(NamedTuple):
    line: Line
    check: HealthConfig


class Onbuild(NamedTuple):
    line: Line
    trigger: str  # the instruction's text, as stored in the image


class Maintainer(NamedTuple):
    line: Line
    name: str


Instruction = (
    From
    | Arg
    | Env
    | Label
    | Run
    | Copy
    | Cmd
    | Entrypoint
    | Expose
    | User
    | Volume
    | Workdir
    | Shell
    | StopSignal
    | Healthcheck
    | Onbuild
    | Maintainer
)


class Warning_(NamedTuple):
    """Something that BuildKit's parser warns of. `rule` is the lint rule's name."""

    rule: str
    message: str
    line: int


class Stage(NamedTuple):
    """One FROM and what follows it. `index` counts from 0."""

    index: int  # type: ignore[assignment]  # hides the method of tuple
    base: From
    instructions: tuple[Instruction, ...]  # without the FROM

    @property
    def name(self) -> str:
        return self.base.name or str(self.index)


class Dockerfile(NamedTuple):
    """A parsed Dockerfile. `arguments` are the ARGs before the first FROM."""

    arguments: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    escape: str = "\\"
    syntax: str = ""
    check: str = ""
    warnings: tuple[Warning_, ...] = ()
