"""A comment right above an ARG or a FROM is its description in `build --call=outline`: it begins with the name."""

from collections.abc import Iterator

from sampan.dockerfile import comments
from sampan.dockerfile.instructions import Arg, From
from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    lines = subject.text.split("\n")
    for instruction in subject.instructions():
        kind: str = ""
        names: tuple[str, ...] = ()
        match instruction:
            case Arg():
                kind, names = "ARG", tuple(name for name, _ in instruction.pairs)
            case From() if instruction.name:
                kind, names = "FROM", (instruction.name,)
        comment = comments.above(lines, instruction.line) if names else ""
        if comment and not any(comment.lower().startswith(name.lower()) for name in names):
            message = f"Comment for {kind} should follow the format: `# {names[0]} <description>`"
            yield instruction.line.first, instruction.line.last, message


RULE = Rule(
    "InvalidDefinitionDescription",
    "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not"
    " intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    check,
    bad="# which version\nARG VERSION=1\nFROM busybox\n",
    good="# VERSION is which version is built\nARG VERSION=1\nFROM busybox\n",
    is_experimental=True,
)
