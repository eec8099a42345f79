"""`sampan stats`."""

import os
import sys
from collections.abc import Sequence

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, format_flag, no_trunc_flag
from sampan.cli.format import render
from sampan.cli.kinds import BOOL
from sampan.cli.output import is_terminal
from sampan.cli.views import statistics
from sampan.containers.statistics import Statistics
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] [CONTAINER...]",
    summary="Show what containers use, live",
    examples=(
        Example("One look at all that run", "stats --no-stream"),
        Example("Memory only", "stats --no-stream --format '{{.Name}} {{.MemUsage}}'"),
    ),
    flags=(
        Flag("all", BOOL, "Show also those that do not run", "a"),
        format_flag(),
        Flag("no-stream", BOOL, "Show one sample and end"),
        no_trunc_flag(),
    ),
    takes=(0, None),
)
# Home and erase: the whole screen, the rest of a line, what is below.
_CLEAR, _HOME, _END_OF_LINE, _BELOW = "\033[2J", "\033[H", "\033[K", "\033[J"


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    render(statistics.LISTING, [], parsed.string("format"))  # a template that can't be read is refused at once
    is_live = is_terminal(sys.stdout) and not parsed.boolean("no-stream")
    try:
        for number, found in enumerate(engine.containers.stats(invocation.arguments, all=parsed.boolean("all"))):
            text = _text(invocation, found)
            sys.stdout.write(_screen(text, is_first=number == 0) if is_live else text)
            sys.stdout.flush()
            if parsed.boolean("no-stream"):
                break
    except KeyboardInterrupt:
        return 130
    return 0


def _text(invocation: Invocation, found: Sequence[Statistics]) -> str:
    no_trunc = invocation.parsed.boolean("no-trunc")
    names = _names(invocation.arguments, found)
    rows = [statistics.row(entry, name, no_trunc=no_trunc) for entry, name in zip(found, names, strict=True)]
    return render(statistics.LISTING, rows, invocation.parsed.string("format"))


def _names(asked: Sequence[str], found: Sequence[Statistics]) -> list[str]:
    """What each was called on the command line, "" where none was."""
    return [
        next((text for text in asked if text == entry.record.name or entry.record.id.startswith(text)), "")
        for entry in found
    ]


def _screen(text: str, *, is_first: bool) -> str:
    """`text` over what was drawn before, no longer than the terminal is high: the head of a table must stay."""
    try:
        height = os.get_terminal_size(1).lines or 24
    except OSError:
        height = 24
    lines = text.splitlines()[: height - 1]
    return (_CLEAR if is_first else "") + _HOME + "".join(f"{line}{_END_OF_LINE}\n" for line in lines) + _BELOW
