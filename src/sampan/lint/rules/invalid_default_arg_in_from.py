"""A Dockerfile should build without any --build-arg: an ARG in FROM needs a default that makes a whole image name."""

from collections.abc import Iterator

from sampan.dockerfile import words
from sampan.errors import InvalidArgument
from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject
from sampan.oci import reference


def check(subject: Subject) -> Iterator[Found]:
    escape = subject.dockerfile.escape
    defaults = dict(subject.automatic)
    for instruction in subject.dockerfile.arguments:
        for name, default in instruction.pairs:
            if default is not None:
                defaults[name] = words.expand(default, defaults.get, escape)
    names = {"scratch"}
    for base in subject.bases_written():
        if not _is_valid(base.image, defaults, escape, names):
            message = f"Default value for ARG {base.image} results in empty or invalid base image name"
            yield base.line.first, base.line.last, message
        names.add(base.name)


def _is_valid(image: str, defaults: dict[str, str], escape: str, names: set[str]) -> bool:
    try:
        expanded = words.expand(image, defaults.get, escape)
        if expanded not in names or not expanded:
            reference.parse(expanded)
    except InvalidArgument:
        return False
    return True


RULE = Rule(
    "InvalidDefaultArgInFrom",
    "Default value for global ARG results in an empty or invalid base image name",
    check,
    bad="ARG TAG\nFROM busybox:${TAG}\n",
    good="ARG TAG=latest\nFROM busybox:${TAG}\n",
)
