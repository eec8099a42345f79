"""A relative WORKDIR goes on from the base image's, which another version of that image may have moved."""

from collections.abc import Iterator

from sampan.dockerfile.instructions import Workdir
from sampan.lint.findings import Found, Rule
from sampan.lint.spelled import expanded
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    has_one: set[int] = set()
    for stage in subject.built():
        is_set = subject.origins[stage.index] in has_one
        for sight in subject.sights(stage):
            if isinstance(sight.instruction, Workdir):
                path = expanded(sight.instruction.path, sight.values, subject.dockerfile.escape)
                if not is_set and not path.startswith("/"):
                    line = sight.instruction.line
                    message = f'Relative workdir "{path}" can have unexpected results if the base image changes'
                    yield line.first, line.last, message
                is_set = True
        if is_set:
            has_one.add(stage.index)


RULE = Rule(
    "WorkdirRelativePath",
    "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base"
    " image changes",
    check,
    bad="FROM busybox\nWORKDIR app\n",
    good="FROM busybox\nWORKDIR /srv\nWORKDIR app\n",
)
