"""Instructions in one case are found at a glance; by habit in upper case."""

from collections.abc import Iterator

from sampan.lint.findings import Found, Rule
from sampan.lint.spelled import instruction_word
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    written = [(instruction_word(instruction), instruction.line) for instruction in subject.instructions()]
    lower = sum(word.islower() for word, _ in written)
    upper = sum(word.isupper() for word, _ in written)
    is_lower = lower > upper
    for word, line in written:
        if not (word.islower() if is_lower else word.isupper()):
            case = "lowercase" if is_lower else "uppercase"
            yield line.first, line.last, f"Command '{word}' should match the case of the command majority ({case})"


RULE = Rule(
    "ConsistentInstructionCasing",
    "All commands within the Dockerfile should use the same casing (either upper or lower)",
    check,
    bad='FROM busybox\nrun echo a\nCMD ["sh"]\n',
    good='FROM busybox\nRUN echo a\nCMD ["sh"]\n',
)
