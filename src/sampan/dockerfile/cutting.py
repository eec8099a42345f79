"""A Dockerfile up to one step of one stage: for who wants to look at what is there by then. Pure."""

from sampan.dockerfile.errors import nearest
from sampan.dockerfile.instructions import Copy, Dockerfile, Run, Stage, Workdir
from sampan.errors import InvalidArgument, NotFound


def cut(dockerfile: Dockerfile, text: str, target: str = "") -> Dockerfile:
    """What is left of a file that ends with a step: "STAGE", "STAGE:STEP", or "STEP" of the stage `target` ("" = the
    last). Steps have the numbers that a build shows, as in [build 2/4].

    Raises NotFound for a stage or step that is not there.
    """
    name, colon, number = text.rpartition(":")
    if not colon and text.isdigit():
        name, number = target, text
    elif not colon:
        name, number = text, ""
    stage = _stage(dockerfile, name)
    return dockerfile._replace(stages=(*dockerfile.stages[: stage.index], _up_to(stage, number)))


def _stage(dockerfile: Dockerfile, name: str) -> Stage:
    if not name:
        return dockerfile.stages[-1]
    for stage in reversed(dockerfile.stages):
        if stage.base.name == name.lower() or str(stage.index) == name or f"stage-{stage.index}" == name:
            return stage
    names = [stage.base.name or f"stage-{stage.index}" for stage in dockerfile.stages]
    near = nearest(name, names)
    raise NotFound(
        f"there is no stage {name}", hint=f"did you mean {near}?" if near else "stages here: " + ", ".join(names)
    )


def _up_to(stage: Stage, number: str) -> Stage:
    if not number:
        return stage
    if not number.isdigit():
        raise InvalidArgument(f"{number} is no number of a step", hint="as in build:3, the number in [build 3/4]")
    count = 0 if stage.base.image == "scratch" else 1
    if int(number) == count:
        return stage._replace(instructions=())
    for index, instruction in enumerate(stage.instructions):
        count += isinstance(instruction, Copy | Run | Workdir)
        if count == int(number):
            return stage._replace(instructions=stage.instructions[: index + 1])
    raise NotFound(f"there is no step {number}", hint=f"the last one of this stage is {count}")
