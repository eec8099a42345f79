"""What rules look at: a Dockerfile as text and as instructions, and what is known of its bases. Pure."""

from collections.abc import Callable, Iterator, Mapping, Set

from sampan.dockerfile.instructions import Arg, Dockerfile, Env, From, Instruction, Stage
from sampan.lint.spelled import expanded
from sampan.values import NamedTuple


class Base(NamedTuple):
    """What is known of the image that a stage is built on. `platform` is the image's, `wanted` the build's."""

    environment: Mapping[str, str]
    has_shell: bool = False
    platform: str = ""
    wanted: str = ""


class Sight(NamedTuple):
    """An instruction with the variables that are in sight at it. `declared` are ARGs, also those without a value."""

    instruction: Instruction
    values: Mapping[str, str]
    declared: Set[str]


class Subject:
    """A parsed Dockerfile with what its build has settled.

    `needed` are the indices of the stages that are built, `origins` has for each stage the index of the stage that it
    is built on, or None. `globals` are the values of ARGs before the first FROM, `automatic` those that need no
    declaration. `is_ignored` tells of a path of the context whether .dockerignore keeps it out; None where there is no
    context, or exceptions in the file.
    """

    def __init__(
        self,
        text: str,
        dockerfile: Dockerfile,
        *,
        needed: frozenset[int],
        origins: tuple[int | None, ...],
        build_args: Mapping[str, str],
        global_values: Mapping[str, str],
        automatic: Mapping[str, str],
        bases: Mapping[int, Base],
        is_ignored: Callable[[str], bool] | None = None,
    ) -> None:
        self.text, self.dockerfile, self.needed, self.origins = text, dockerfile, needed, origins
        self.build_args, self.globals, self.automatic = build_args, global_values, automatic
        self.bases, self.is_ignored = bases, is_ignored
        self._ends: dict[int, tuple[Mapping[str, str], Set[str]]] = {}

    def instructions(self) -> Iterator[Instruction]:
        """All of the file, in its order."""
        yield from self.dockerfile.arguments
        for stage in self.dockerfile.stages:
            yield stage.base
            yield from stage.instructions

    def bases_written(self) -> Iterator[From]:
        return (stage.base for stage in self.dockerfile.stages)

    def built(self) -> Iterator[Stage]:
        """The stages that the target needs."""
        return (stage for stage in self.dockerfile.stages if stage.index in self.needed)

    def sights(self, stage: Stage) -> Iterator[Sight]:
        """The instructions of a stage with what is in sight at each; a stage begins with what its base ended with.

        `values` of each are good until the next is asked for: a file of thousands of ENVs would fill any memory.
        """
        for index in self._chain(stage.index)[:-1]:
            for _ in self._walk(self.dockerfile.stages[index]):
                pass
        yield from self._walk(stage)

    def _chain(self, index: int) -> list[int]:
        """A stage after those that it is built on; not recursive, because a hostile file may chain thousands."""
        chain = [index]
        while (below := self.origins[chain[-1]]) is not None and below not in self._ends:
            chain.append(below)
        return chain[::-1]

    def _walk(self, stage: Stage) -> Iterator[Sight]:
        below = self.origins[stage.index]
        if below is not None:
            begin, known = self._ends[below]
        else:
            begin, known = self.bases.get(stage.index, Base({})).environment, frozenset()
        values, declared = dict(begin), set(known)
        for instruction in stage.instructions:
            yield Sight(instruction, values, declared)
            if isinstance(instruction, Env | Arg):
                declared.update(self._take(instruction, values))
        self._ends[stage.index] = (values, declared)

    def _take(self, instruction: Env | Arg, values: dict[str, str]) -> tuple[str, ...]:
        """Let an ENV or ARG change `values`; the names that it declares."""
        escape = self.dockerfile.escape
        if isinstance(instruction, Env):
            values.update(
                [(expanded(name, values, escape), expanded(text, values, escape)) for name, text in instruction.pairs]
            )
            return ()
        for name, default in instruction.pairs:
            value = self.build_args.get(name)
            if value is None:
                value = expanded(default, values, escape) if default is not None else self.globals.get(name)
            if value is not None:
                values[name] = value
        return tuple(name for name, _ in instruction.pairs)
