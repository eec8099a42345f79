"""FROM sees the ARGs before the first FROM and no others; a name that is none of them is empty."""

from collections.abc import Iterator

from sampan.dockerfile.errors import nearest
from sampan.lint.findings import Found, Rule
from sampan.lint.spelled import missing_names
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    declared = {name for instruction in subject.dockerfile.arguments for name, _ in instruction.pairs}
    known = {*declared, *subject.automatic}
    for base in subject.bases_written():
        missing = missing_names((base.platform, base.image), subject.globals, subject.dockerfile.escape)
        for name in missing:
            if name not in known:
                near = nearest(name, sorted(known))
                suggestion = f" (did you mean {near}?)" if near else ""
                message = f"FROM argument '{name}' is not declared{suggestion}"
                yield base.line.first, base.line.last, message


RULE = Rule(
    "UndefinedArgInFrom",
    "FROM command must use declared ARGs",
    check,
    bad="ARG TAG=latest\nFROM busybox:${TAGG:-latest}\n",
    good="ARG TAG=latest\nFROM busybox:${TAG:-latest}\n",
)
