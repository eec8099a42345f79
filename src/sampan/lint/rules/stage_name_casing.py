"""Names of stages are compared in lower case; one that is written otherwise looks as if it were another."""

from collections.abc import Iterator

from sampan.lint.findings import Found, Rule
from sampan.lint.spelled import stage_name
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for base in subject.bases_written():
        name = stage_name(base)
        if name != name.lower():
            yield base.line.first, base.line.last, f"Stage name '{name}' should be lowercase"


RULE = Rule(
    "StageNameCasing",
    "Stage names should be lowercase",
    check,
    bad="FROM busybox AS Build\n",
    good="FROM busybox AS build\n",
)
