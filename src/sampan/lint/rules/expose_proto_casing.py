"""Protocols of ports are written in lower case in an image's configuration, and everywhere else."""

from collections.abc import Iterator

from sampan.dockerfile.instructions import Expose
from sampan.lint.findings import Found, Rule
from sampan.lint.spelled import ports
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for stage in subject.built():
        for sight in subject.sights(stage):
            if isinstance(sight.instruction, Expose):
                for port in ports(sight.instruction, sight.values, subject.dockerfile.escape):
                    protocol = port.partition("/")[2]
                    if protocol != protocol.lower():
                        line = sight.instruction.line
                        message = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
                        yield line.first, line.last, message


RULE = Rule(
    "ExposeProtoCasing",
    "Protocol in EXPOSE instruction should be lowercase",
    check,
    bad="FROM busybox\nEXPOSE 80/TCP\n",
    good="FROM busybox\nEXPOSE 80/tcp\n",
)
