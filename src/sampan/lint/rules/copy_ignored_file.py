"""What .dockerignore keeps out of the context cannot be copied from it: the build would stop at this step."""

import posixpath
from collections.abc import Iterator

from sampan.dockerfile.instructions import Copy
from sampan.lint.findings import Found, Rule
from sampan.lint.spelled import expanded
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    if subject.is_ignored is None:
        return
    for stage in subject.built():
        for sight in subject.sights(stage):
            instruction = sight.instruction
            if not isinstance(instruction, Copy) or instruction.from_:
                continue
            inline = {heredoc.name for heredoc in instruction.heredocs}
            for source in instruction.sources:
                path = expanded(source, sight.values, subject.dockerfile.escape)
                is_local = source not in inline and "://" not in path and not path.startswith("git@")
                clean = posixpath.normpath("/" + path).lstrip("/")
                if is_local and clean and subject.is_ignored(clean):
                    message = f'Attempting to Copy file "{path}" that is excluded by .dockerignore'
                    if instruction.is_add:
                        message = f'Attempting to Add file "{path}" that is excluded by .dockerignore'
                    yield instruction.line.first, instruction.line.last, message


RULE = Rule(
    "CopyIgnoredFile",
    "Attempting to Copy file that is excluded by .dockerignore",
    check,
    bad="# with a .dockerignore that has the line secret.txt\nFROM busybox\nCOPY secret.txt /\n",
    good="FROM busybox\nCOPY Dockerfile /\n",
)
