"""What can be asked of a Dockerfile without building it: its targets, and what a target takes. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sampan.dockerfile import comments, mounts, stages, words
from sampan.dockerfile.instructions import Arg, Dockerfile, Run
from sampan.errors import InvalidArgument


class Argument(NamedTuple):
    """A build argument; `value` is None where it has none. `line` counts from 1."""

    name: str
    value: str | None
    description: str
    line: int


class Needed(NamedTuple):
    """A secret or an SSH agent that a RUN takes."""

    name: str
    is_required: bool
    line: int


class Outline(NamedTuple):
    """What a target takes, in the order of the file; `name` is "" where the stage has none."""

    name: str
    description: str
    arguments: tuple[Argument, ...]
    secrets: tuple[Needed, ...]
    agents: tuple[Needed, ...]


class Target(NamedTuple):
    """A stage that can be built. `base` is as written."""

    name: str
    description: str
    base: str
    line: int
    is_default: bool


def targets(dockerfile: Dockerfile, text: str) -> tuple[Target, ...]:
    """Every stage of a file, the last of which is built when none is asked for."""
    lines = text.split("\n")
    last = len(dockerfile.stages) - 1
    return tuple(
        Target(
            stage.base.name,
            comments.description(lines, stage.base.line, stage.base.name) if stage.base.name else "",
            stage.base.image,
            stage.base.line.first,
            stage.index == last,
        )
        for stage in dockerfile.stages
    )


def outline(dockerfile: Dockerfile, text: str, plan: stages.Plan, build_args: Mapping[str, str]) -> Outline:
    """What the target of `plan` and the stages that it needs take. An argument that is declared again is told once,
    where it was last."""
    lines = text.split("\n")
    needed = [plan.stages[index] for index in plan.needed]
    used = {name for stage in needed for name in words.used_names(f"{stage.base.image} {stage.base.platform}")}
    declared = {
        argument.name: argument
        for argument in _arguments(dockerfile.arguments, lines, build_args, {})
        if argument.name in used
    }
    values = {name: argument.value for name, argument in declared.items() if argument.value is not None}
    runs: list[Run] = []
    for stage in needed:
        own = [instruction for instruction in stage.instructions if isinstance(instruction, Arg)]
        declared.update((argument.name, argument) for argument in _arguments(own, lines, build_args, values))
        runs += [instruction for instruction in stage.instructions if isinstance(instruction, Run)]
    base = plan.stages[plan.target].base
    return Outline(
        base.name,
        comments.description(lines, base.line, base.name) if base.name else "",
        tuple(sorted(declared.values(), key=lambda argument: argument.line)),
        _mounted(runs, "secret"),
        _mounted(runs, "ssh"),
    )


def _arguments(
    instructions: "tuple[Arg, ...] | list[Arg]", lines: list[str], given: Mapping[str, str], around: Mapping[str, str]
) -> Iterator[Argument]:
    for instruction in instructions:
        for name, default in instruction.pairs:
            value = given.get(name)
            if value is None:
                value = words.expand(default, around.get) if default is not None else around.get(name)
            yield Argument(name, value, comments.description(lines, instruction.line, name), instruction.line.first)


def _mounted(runs: list[Run], kind: str) -> tuple[Needed, ...]:
    found: dict[str, Needed] = {}
    for instruction in runs:
        for text in instruction.mounts:
            try:
                mount = mounts.parse_mount(text)
            except InvalidArgument:  # a variable in it: the build knows its value
                continue
            if mount.type == kind:
                name = mount.id or ("default" if kind == "ssh" else mount.target.rpartition("/")[2])
                before = found.get(name, Needed(name, False, instruction.line.first))
                found[name] = before._replace(is_required=before.is_required or mount.required)
    return tuple(found.values())
