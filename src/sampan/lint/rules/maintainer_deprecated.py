"""MAINTAINER sets a field that tools do not show; the label `org.opencontainers.image.authors` is what they read."""

from collections.abc import Iterator

from sampan.dockerfile.instructions import Maintainer
from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for instruction in subject.instructions():
        if isinstance(instruction, Maintainer):
            message = "Maintainer instruction is deprecated in favor of using label"
            yield instruction.line.first, instruction.line.last, message


RULE = Rule(
    "MaintainerDeprecated",
    "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    check,
    bad="FROM busybox\nMAINTAINER ann@example.com\n",
    good='FROM busybox\nLABEL org.opencontainers.image.authors="ann@example.com"\n',
)
