"""Blocks of a guide that can be run: what a reader would type, and what the guide says that comes out.

    ```console
    $ sampan run --rm busybox echo hello
    hello
    ```

A line that begins with `$ ` is a command; the lines after it, up to the next command, are its output (stdout and
stderr). `...` on a line of its own stands for any number of lines, inside a line for any text. A command without output
lines may print anything. Its exit code must be 0. A block of `python` is one program that must end without an error.
"""

import re
from typing import NamedTuple

FENCE = re.compile(r"^```(\w*)\s*$")


class Step(NamedTuple):
    """A command of a page, the output lines that it is said to give, and the page's line number (from 1).

    A Python program has no command.
    """

    command: str
    expected: tuple[str, ...]
    line: int
    program: str = ""


def steps(page: str) -> list[Step]:
    """The commands and programs of a page, in order. A command that ends in a backslash goes on below it."""
    found: list[Step] = []
    inside = ""
    for number, line in enumerate(page.splitlines(), 1):
        fence = FENCE.match(line)
        if fence:
            inside = "" if inside else fence[1] or "text"
            if inside == "python":
                found.append(Step("", (), number))
        elif inside == "python":
            found[-1] = found[-1]._replace(program=found[-1].program + line + "\n")
        elif inside == "console" and line.startswith("$ "):
            found.append(Step(line[2:], (), number))
        elif inside == "console" and found:
            last = found[-1]
            if last.command.endswith("\\") and not last.expected:
                found[-1] = last._replace(command=last.command[:-1] + line.removeprefix(">").strip())
            else:
                found[-1] = last._replace(expected=(*last.expected, line))
    return found


def is_as_expected(expected: tuple[str, ...], output: str) -> bool:
    """Whether the whole output matches the lines a page gives; spaces at line ends do not count."""
    if not expected:
        return True
    parts = []
    for line in expected:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(re.escape(piece) for piece in line.rstrip().split("...")) + r"\n")
    text = "".join(line.rstrip() + "\n" for line in output.replace("\r", "").splitlines())
    return re.fullmatch("".join(parts), text) is not None
