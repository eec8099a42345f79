"""EXPOSE says which ports a container listens on. Where they are published on the host is the business of `run -p`."""

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
                    if ":" in port:
                        line = sight.instruction.line
                        message = (
                            f"EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
                        )
                        yield line.first, line.last, message


RULE = Rule(
    "ExposeInvalidFormat",
    "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future"
    " release",
    check,
    bad="FROM busybox\nEXPOSE 127.0.0.1:8080:80\n",
    good="FROM busybox\nEXPOSE 80\n",
)
