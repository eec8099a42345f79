"""From the text of a Dockerfile to typed instructions.

The text is taken twice, as BuildKit does: first every statement gets its form (`forms`), then its meaning
(`meaning`). So a wrong form anywhere is reported before a wrong meaning on an earlier line.
"""

from sampan.dockerfile import forms, source
from sampan.dockerfile.errors import ParseError
from sampan.dockerfile.instructions import Arg, Dockerfile, From, Instruction, Maintainer, Onbuild, Stage
from sampan.dockerfile.meaning import understand


def parse(text: str, *, name: str = "Dockerfile") -> Dockerfile:
    """Read a whole Dockerfile. Raises ParseError, with the line at fault where there is one.

    `name` is what the file is called in hints. Variables stay as they are written; whether stages and images exist
    is not looked at (see `stages`).
    """
    read = source.read(text)
    requests = [forms.read(statement, read.escape) for statement in read.statements]
    arguments: list[Arg] = []
    bases: list[From] = []
    bodies: list[list[Instruction]] = []
    for request in requests:
        instruction = understand(request)
        if isinstance(instruction, From):
            bases.append(instruction)
            bodies.append([])
        elif bodies:
            bodies[-1].append(instruction)
        elif isinstance(instruction, Arg):
            arguments.append(instruction)
        else:
            raise ParseError(
                "no build stage in current context",
                line=request.line.first,
                last=request.line.last,
                hint=f"{name} must begin with FROM; only ARG may stand before it",
            )
    if not bases:
        last = requests[-1].line
        raise ParseError(
            "dockerfile contains no stages to build",
            line=last.first,
            last=last.last,
            hint=f"add FROM and the image to build on to {name}",
        )
    stages = tuple(
        Stage(index, base, tuple(body)) for index, (base, body) in enumerate(zip(bases, bodies, strict=True))
    )
    return Dockerfile(tuple(arguments), stages, read.escape, read.syntax, read.check, read.warnings)


def parse_trigger(text: str) -> Instruction:
    """Read one ONBUILD trigger as an image stores it. Raises ParseError, also for FROM, MAINTAINER and ONBUILD.

    Its lines count from 1 at the trigger. Its escape character is the backslash: an image does not keep the directive
    of the file that it was built from.
    """
    read = source.read(text)
    if len(read.statements) != 1:
        raise ParseError("onbuild trigger should be a single expression", line=read.statements[1].line.first)
    instruction = understand(forms.read(read.statements[0], read.escape))
    if isinstance(instruction, From | Maintainer | Onbuild):
        trigger = type(instruction).__name__.upper()
        raise ParseError(f"{trigger} isn't allowed as an ONBUILD trigger", line=1)
    return instruction
