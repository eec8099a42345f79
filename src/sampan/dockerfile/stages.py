"""Which stages a target needs, and what each FROM, COPY --from and RUN --mount=from= means.

FROM and mounts name a stage by its name, COPY --from also by its number; what names no stage is an image. A stage
may only use those before it, so the order of the file is an order in which all can be built.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sampan.dockerfile.errors import ParseError, nearest
from sampan.dockerfile.instructions import Copy, Dockerfile, From, Instruction, Line, Run, Stage
from sampan.dockerfile.words import quote
from sampan.errors import InvalidArgument, NotFound
from sampan.oci import reference

SCRATCH = "scratch"
FOLDER = "\0context:"
"""What `expand` gives for a FROM that means the folder of a named context begins so: no image has such a name."""


class Origin(NamedTuple):
    """Where files come from: the stage of that index, or where it is None an image, or the folder that --build-context
    calls `context`."""

    stage: int | None
    image: str = ""
    context: str = ""


class Plan(NamedTuple):
    """The stages of a build. `needed` are those that `target` needs, itself last, each after those that it uses.

    `bases` and `platforms` have an entry for every stage of the file; an image is as the file names it, expanded.
    """

    stages: tuple[Stage, ...]
    target: int
    needed: tuple[int, ...]
    bases: tuple[Origin, ...]
    platforms: tuple[str, ...]

    def copy_origin(self, current: int, text: str) -> Origin:
        """What COPY --from=`text` means in stage `current`. Raises ParseError for a stage that is not before it."""
        return _copy_origin(self.stages, current, text, Line(0, 0, ""))

    def mount_origin(self, current: int, text: str, target: str) -> Origin:
        """What from=`text` of a mount on `target` means in stage `current`."""
        return _mount_origin(self.stages, current, text, target, Line(0, 0, ""))

    def near_stage(self, text: str) -> str:
        """The stage that an image's name may be a misspelling of, or "": for the hint when there is no such image."""
        return nearest(text, [stage.base.name for stage in self.stages if stage.base.name])


def display_name(stage: Stage) -> str:
    """The stage's name in messages and progress: its own, or stage-N."""
    return stage.base.name or f"stage-{stage.index}"


def resolve(dockerfile: Dockerfile, target: str = "", *, expand: Callable[[str], str] = str) -> Plan:
    """Find the stages that `target` needs: a name, a number, or "" for the last stage.

    `expand` replaces variables in FROM and its --platform by the global arguments. Raises NotFound for an unknown
    target; ParseError for a blank or malformed image name, a stage number out of range, and a stage that uses itself
    or a later one. What ONBUILD triggers of a base image copy is not known here: see `Plan.copy_origin`.
    """
    stages = dockerfile.stages
    bases = _bases(stages, expand)
    wanted = _target(stages, target)
    for stage in stages:  # a number out of range is wrong even where it is not needed
        for instruction in stage.instructions:
            if isinstance(instruction, Copy):
                _stage_number(stages, instruction.from_, instruction.line)
    needed: set[int] = set()
    waiting = [wanted]
    while waiting:
        current = waiting.pop()
        if current not in needed:
            needed.add(current)
            waiting += _uses(stages, current, bases[current])
    platforms = tuple(_expanded(stage.base.platform, stage.base.line, expand) for stage in stages)
    return Plan(stages, wanted, tuple(sorted(needed)), bases, platforms)


def images(plan: Plan) -> tuple[str, ...]:
    """The images that any stage of a file is built on, copies from or mounts, in the file's order, each once."""
    found = [base.image for base in plan.bases if base.stage is None and base.image != SCRATCH]
    for stage in plan.stages:
        for instruction in stage.instructions:
            found += [
                origin.image for origin in _origins(plan.stages, stage.index, instruction) if origin.stage is None
            ]
    return tuple(dict.fromkeys(found))


def _target(stages: tuple[Stage, ...], target: str) -> int:
    if not target:
        return len(stages) - 1
    found = _by_name(stages, target.lower())
    if found is None:
        found = _number(target)
    if found is None or not 0 <= found < len(stages):
        names = [stage.base.name for stage in stages if stage.base.name]
        near = nearest(target, names)
        hint = f"did you mean {near}?" if near else ("stages here: " + ", ".join(names) if names else "")
        raise NotFound(f"target stage {quote(target)} could not be found", hint=hint)
    return found


def _by_name(stages: tuple[Stage, ...], name: str) -> int | None:
    """The last stage of that name: a later one hides an earlier."""
    for stage in reversed(stages):
        if stage.base.name and stage.base.name == name:
            return stage.index
    return None


def _bases(stages: tuple[Stage, ...], expand: Callable[[str], str]) -> tuple[Origin, ...]:
    """The base of each stage. A name means the nearest stage before, so FROM busybox AS busybox is the image."""
    known: dict[str, int] = {}
    bases: list[Origin] = []
    for stage in stages:
        bases.append(_base(stage.base, known, expand))
        if stage.base.name:
            known[stage.base.name] = stage.index
    return tuple(bases)


def _base(base: From, known: Mapping[str, int], expand: Callable[[str], str]) -> Origin:
    image = _expanded(base.image, base.line, expand)
    where = {"line": base.line.first, "last": base.line.last}
    if not image:
        raise ParseError(
            f"base name ({base.image}) should not be blank",
            **where,
            hint="declare its ARG before the first FROM, with a default, or give --build-arg",
        )
    if image in known:
        return Origin(known[image])
    if image == SCRATCH or image.startswith(FOLDER):
        return Origin(None, image)
    try:
        reference.parse(image)
    except InvalidArgument as error:
        hint = f"did you mean the stage {image.lower()}?" if image.lower() in known else error.hint
        raise ParseError(f"failed to parse stage name {quote(image)}: {error.message}", **where, hint=hint) from None
    return Origin(None, image)


def _expanded(text: str, line: Line, expand: Callable[[str], str]) -> str:
    try:
        return expand(text)
    except InvalidArgument as error:
        raise ParseError(error.message, line=line.first, last=line.last, hint=error.hint) from None


def _uses(stages: tuple[Stage, ...], current: int, base: Origin) -> Iterator[int]:
    """The stages that stage `current` is built on or takes files from."""
    if base.stage is not None:
        yield base.stage
    for instruction in stages[current].instructions:
        for origin in _origins(stages, current, instruction):
            if origin.stage is not None:
                yield origin.stage


def _origins(stages: tuple[Stage, ...], current: int, instruction: Instruction) -> Iterator[Origin]:
    if isinstance(instruction, Copy) and instruction.from_:
        yield _copy_origin(stages, current, instruction.from_, instruction.line)
    elif isinstance(instruction, Run) and instruction.mounts:
        from sampan.dockerfile import mounts  # few RUNs have one

        for text in instruction.mounts:
            name = mounts.stage_of(text)
            if name:
                yield _mount_origin(stages, current, name, mounts.target_of(text), instruction.line)


def _number(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def _stage_number(stages: tuple[Stage, ...], text: str, line: Line) -> int | None:
    """The stage that a number means; None for what is no number."""
    number = _number(text)
    if number is None:
        return None
    if not 0 <= number < len(stages):
        raise ParseError(
            f"invalid stage index {number}",
            line=line.first,
            last=line.last,
            hint=f"stages are numbered from 0 to {len(stages) - 1}",
        )
    return number


def _copy_origin(stages: tuple[Stage, ...], current: int, text: str, line: Line) -> Origin:
    found = _stage_number(stages, text, line)
    if found is None:
        found = _by_name(stages, text.lower())
    if found is None:
        return Origin(None, text)
    if found > current:
        here = display_name(stages[current])
        raise ParseError(
            f"cannot copy from stage {quote(text)}, it needs to be defined before current stage {quote(here)}",
            line=line.first,
            last=line.last,
            hint="move its FROM above this stage",
        )
    _refuse_itself(stages, current, found, line)
    return Origin(found)


def _mount_origin(stages: tuple[Stage, ...], current: int, text: str, target: str, line: Line) -> Origin:
    found = _by_name(stages, text.lower())
    if found is None:
        return Origin(None, text)
    if found > current:
        raise ParseError(
            f"cannot mount from stage {quote(text)} to {quote(target)}, "
            "stage needs to be defined before current command",
            line=line.first,
            last=line.last,
            hint="move its FROM above this stage",
        )
    _refuse_itself(stages, current, found, line)
    return Origin(found)


def _refuse_itself(stages: tuple[Stage, ...], current: int, found: int, line: Line) -> None:
    if found == current:
        raise ParseError(
            f"circular dependency detected on stage: {display_name(stages[current])}",
            line=line.first,
            last=line.last,
            hint="what is in the stage itself is copied with RUN cp",
        )
