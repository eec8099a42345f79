"""A command in shell form is started by a shell, which does not hand signals on: `stop` waits, then kills. The form of
JSON starts the program itself. Where SHELL is set, the shell is wanted."""

from collections.abc import Iterator

from sampan.dockerfile.instructions import Cmd, Entrypoint, Shell
from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    with_shell: set[int] = set()
    for stage in subject.built():
        base = subject.bases.get(stage.index)
        has_shell = subject.origins[stage.index] in with_shell or (base is not None and base.has_shell)
        for instruction in stage.instructions:
            if isinstance(instruction, Shell):
                has_shell = True
            elif isinstance(instruction, Cmd | Entrypoint) and instruction.command.exec is None and not has_shell:
                name = type(instruction).__name__.upper()
                message = f"JSON arguments recommended for {name} to prevent unintended behavior related to OS signals"
                yield instruction.line.first, instruction.line.last, message
        if has_shell:
            with_shell.add(stage.index)


RULE = Rule(
    "JSONArgsRecommended",
    "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    check,
    bad="FROM busybox\nCMD httpd -f\n",
    good='FROM busybox\nCMD ["httpd", "-f"]\n',
)
