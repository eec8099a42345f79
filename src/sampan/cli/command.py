"""What a verb declares about itself, and what it is called with."""

from typing import Protocol

from sampan.cli.flags import Flag, Parsed
from sampan.values import NamedTuple


class Settings(NamedTuple):
    """The options before the verb. `root` is "" for the default store; `config` is where config.json is."""

    root: str = ""
    config: str = ""
    debug: bool = False
    wants_version: bool = False


class Invocation(NamedTuple):
    """One call of a verb. `path` is its name as typed, such as "container ls"."""

    path: str
    parsed: Parsed
    settings: Settings

    @property
    def arguments(self) -> list[str]:
        return self.parsed.arguments


class Example(NamedTuple):
    what: str
    words: str  # after the program's name


class Command(NamedTuple):
    """What a verb takes and how it is explained.

    `arguments` is its synopsis after the name, `takes` the least and most number of words it takes (None: any).
    `manner` says how its errors leave: "run" prefixes the program and exits 125, "create" does so for options only.
    """

    arguments: str
    summary: str
    examples: tuple[Example, ...]
    flags: tuple[Flag, ...] = ()
    takes: tuple[int, int | None] = (0, 0)
    interspersed: bool = True
    manner: str = ""


class Verb(Protocol):
    """A module that holds one verb."""

    COMMAND: Command

    @staticmethod
    def execute(invocation: Invocation) -> int:
        """Do it; the exit code. Results go to stdout, everything else to stderr."""
