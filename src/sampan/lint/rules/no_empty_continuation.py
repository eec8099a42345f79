"""An empty line inside a continued instruction is dropped today and will be an error one day: most often a backslash
was left behind."""

from collections.abc import Iterator

from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for warning in subject.dockerfile.warnings:
        if warning.rule == RULE.id:
            yield warning.line, warning.line, warning.message


RULE = Rule(
    "NoEmptyContinuation",
    "Empty continuation lines will become errors in a future release",
    check,
    bad="FROM busybox\nRUN echo a && \\\n\n    echo b\n",
    good="FROM busybox\nRUN echo a && \\\n    # a comment may stand here\n    echo b\n",
)
