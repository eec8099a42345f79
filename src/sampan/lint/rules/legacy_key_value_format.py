"""`ENV name value` takes one name, and all that follows as its value; with = several can be set, and quotes mean what
they seem to."""

from collections.abc import Iterator

from sampan.dockerfile.instructions import Env, Label
from sampan.lint.findings import Found, Rule
from sampan.lint.spelled import first_argument, instruction_word
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for stage in subject.built():
        for instruction in stage.instructions:
            if isinstance(instruction, Env | Label) and "=" not in first_argument(
                instruction, subject.dockerfile.escape
            ):
                name = instruction_word(instruction).upper()
                message = f'"{name} key=value" should be used instead of legacy "{name} key value" format'
                yield instruction.line.first, instruction.line.last, message


RULE = Rule(
    "LegacyKeyValueFormat",
    "Legacy key/value format with whitespace separator should not be used",
    check,
    bad="FROM busybox\nENV MODE fast\n",
    good="FROM busybox\nENV MODE=fast\n",
)
