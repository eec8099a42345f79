"""Failed builds: the error, the place in the Dockerfile, the step and what it printed."""

from typing import NamedTuple

from sampan.dockerfile.errors import excerpt, visible
from sampan.dockerfile.instructions import Line
from sampan.errors import SampanError


class Excerpt(NamedTuple):
    """Lines of a Dockerfile around `first`..`last` (from 1). `name` is the file's, `message` what is wrong in them."""

    name: str
    text: str
    first: int
    last: int
    message: str = ""

    def render(self) -> str:
        """The excerpt as BuildKit's clients print it, with >>> before the lines that are meant."""
        return excerpt(self.text, self.name, self.first, self.last, self.message)


class BuildFailed(SampanError):
    """A build could not be finished. `kind` is the error that stopped it, whose kind decides exit code and status.

    `step` is the title of the step that failed ("" when none had begun) and `output` its last lines.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        kind: BaseException | None = None,
        excerpt: Excerpt | None = None,
        step: str = "",
        output: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.excerpt = excerpt
        self.step = step
        self.output = output

    def report(self) -> str:
        """All that a person needs: the step with its output, the place, the message."""
        parts = []
        if self.step:
            parts.append("\n".join(("------", f" > {visible(self.step)}:", *self.output, "------")))
        if self.excerpt is not None:
            parts.append(self.excerpt.render())
        parts.append(f"ERROR: failed to build: failed to solve: {visible(self.message)}")
        return "\n".join(parts)


class AtLine(SampanError):
    """An error of one instruction, on its way to the one who knows the Dockerfile's text."""

    def __init__(
        self,
        message: str,
        line: Line,
        *,
        hint: str = "",
        kind: BaseException | None = None,
        step: str = "",
        output: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.kind = kind
        self.step = step
        self.output = output
