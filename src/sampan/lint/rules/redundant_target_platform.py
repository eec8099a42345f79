"""A stage is built for the target platform anyway: --platform=$TARGETPLATFORM says nothing."""

from collections.abc import Iterator

from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for base in subject.bases_written():
        if base.platform in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
            message = (
                "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior"
            )
            yield base.line.first, base.line.last, message


RULE = Rule(
    "RedundantTargetPlatform",
    "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    check,
    bad="FROM --platform=$TARGETPLATFORM busybox\n",
    good="FROM busybox\n",
)
