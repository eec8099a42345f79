"""A base for another processor than the build is for: RUN needs emulation in it, and the image runs nowhere."""

from collections.abc import Iterator

from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for stage in subject.built():
        base = subject.bases.get(stage.index)
        if base is not None and base.platform and base.wanted and base.platform != base.wanted:
            message = (
                f'Base image {stage.base.image} was pulled with platform "{base.platform}",'
                f' expected "{base.wanted}" for current build'
            )
            yield stage.base.line.first, stage.base.line.last, message


RULE = Rule(
    "InvalidBaseImagePlatform",
    "Base image platform does not match expected target platform",
    check,
    bad="FROM an-image-of-another-platform\n",
    good="FROM busybox\n",
)
