"""The command as a function: `sampan("run", "--rm", "busybox", "true")`."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple


class Result(NamedTuple):
    """How a command ended. `code` is negative when a signal ended it; texts are UTF-8 with odd bytes replaced."""

    code: int
    out: str
    err: str


class UnexpectedExit(AssertionError):
    """A command ended with another code than the one that was said."""


class Sampan:
    """The installed command on one root. Arguments follow `sampan --root ROOT`."""

    def __init__(self, root: str, program: str = "") -> None:
        self.root = root
        self.program = program or os.path.join(os.path.dirname(sys.executable), "sampan")

    def command(self, *arguments: str) -> list[str]:
        """The whole command line."""
        return [self.program, "--root", self.root, *arguments]

    def __call__(
        self,
        *arguments: str,
        code: int | None = 0,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout_seconds: float = 180,
    ) -> Result:
        """Run to the end. Raises UnexpectedExit, with all output, when the exit code is not `code`; None takes any."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **(env or {})},
            cwd=cwd,
            timeout=timeout_seconds,
        )
        if code is not None and done.returncode != code:
            raise UnexpectedExit(
                f"sampan {' '.join(arguments)}: exit code {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
            )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None, cwd: str | None = None
    ) -> subprocess.Popen[str]:
        """Run in the background with pipes on all three streams; the caller waits for it."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
