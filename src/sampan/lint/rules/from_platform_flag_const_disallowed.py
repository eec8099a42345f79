"""A constant --platform keeps an image from being built for another one; $BUILDPLATFORM or --platform of the build do
what is mostly meant. A stage whose name has the platform in it is for that one on purpose."""

from collections.abc import Iterator

from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for base in subject.bases_written():
        if not base.platform or "$" in base.platform:
            continue
        parts = [part for part in base.platform.lower().split("/") if part]
        if not any(part in base.name for part in parts[:2]):
            message = f'FROM --platform flag should not use constant value "{base.platform}"'
            yield base.line.first, base.line.last, message


RULE = Rule(
    "FromPlatformFlagConstDisallowed",
    "FROM --platform flag should not use a constant value",
    check,
    bad="FROM --platform=linux/amd64 busybox\n",
    good="FROM --platform=$BUILDPLATFORM busybox\n",
)
