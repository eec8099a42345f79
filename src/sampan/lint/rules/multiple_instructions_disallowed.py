"""Of several CMD, ENTRYPOINT or HEALTHCHECK in a stage only the last one counts; the others mislead who reads them."""

from collections.abc import Iterator

from sampan.dockerfile.instructions import Cmd, Entrypoint, Healthcheck, Line
from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for stage in subject.built():
        last: dict[str, Line] = {}
        for instruction in stage.instructions:
            if isinstance(instruction, Cmd | Entrypoint | Healthcheck):
                name = type(instruction).__name__.upper()
                if name in last:
                    message = (
                        f"Multiple {name} instructions should not be used in the same stage"
                        " because only the last one will be used"
                    )
                    yield last[name].first, last[name].last, message
                last[name] = instruction.line


RULE = Rule(
    "MultipleInstructionsDisallowed",
    "Multiple instructions of the same type should not be used in the same stage",
    check,
    bad='FROM busybox\nCMD ["a"]\nCMD ["b"]\n',
    good='FROM busybox\nCMD ["b"]\n',
)
