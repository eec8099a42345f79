"""`scratch` is the empty image and `context` the build's own files: a stage of that name could not be told apart."""

from collections.abc import Iterator

from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject

_RESERVED = ("context", "scratch")


def check(subject: Subject) -> Iterator[Found]:
    for base in subject.bases_written():
        if base.name in _RESERVED:
            message = f'Stage name should not use the same name as reserved stage "{base.name}"'
            yield base.line.first, base.line.last, message


RULE = Rule(
    "ReservedStageName",
    "Reserved words should not be used as stage names",
    check,
    bad="FROM busybox AS context\n",
    good="FROM busybox AS files\n",
)
