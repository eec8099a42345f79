"""Of two stages with one name only the last can be copied from and built, whichever one was meant."""

from collections.abc import Iterator

from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    seen: set[str] = set()
    for base in subject.bases_written():
        if base.name and base.name in seen:
            yield base.line.first, base.line.last, f'Duplicate stage name "{base.name}", stage names should be unique'
        seen.add(base.name)


RULE = Rule(
    "DuplicateStageName",
    "Stage names should be unique",
    check,
    bad="FROM busybox AS build\nFROM busybox AS build\n",
    good="FROM busybox AS build\nFROM busybox AS test\n",
)
