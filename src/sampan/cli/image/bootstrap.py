"""`sampan image bootstrap`."""

import sys
from typing import TextIO

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.kinds import STRING, STRINGS
from sampan.cli.output import human_size
from sampan.engine.engine import Engine
from sampan.errors import Unsupported

COMMAND = Command(
    arguments="[OPTIONS] DISTRIBUTION[:SUITE]",
    summary="Make a minimal base image from a distribution's own packages",
    examples=(Example("Debian with Python", "image bootstrap --include python3 -t python:3.11 debian:bookworm-slim"),),
    flags=(
        Flag("arch", STRING, "Architecture, such as amd64; the host's by default"),
        Flag("include", STRINGS, "More packages, separated by commas"),
        Flag("mirror", STRING, "Package archive; as the host's apt sources say by default"),
        quiet_flag("Print only the image's ID"),
        Flag("tag", STRINGS, "Name of the image; the argument by default", "t"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    for flag in ("arch", "mirror"):
        if parsed.is_given(flag):
            raise Unsupported(f"--{flag} is not supported", hint="the host's own architecture and apt sources are used")
    engine = Engine(invocation.settings.root or None)
    quiet = parsed.boolean("quiet")
    display = Display(sys.stderr, quiet=quiet)
    include = [package for text in parsed.strings("include") for package in text.split(",") if package]
    tags = parsed.strings("tag")
    name = invocation.arguments[0]
    try:
        image_id = engine.images.bootstrap(name, include=include, tag=tags[0] if tags else "", on_progress=display.show)
    finally:
        display.end()
    for tag in tags[1:]:
        engine.images.tag(image_id, tag)
    if not quiet:
        size = human_size(engine.images.get(image_id).size, 3)
        print(f"{tags[0] if tags else name}: {size}", file=sys.stderr)
    print(image_id)
    return 0


class Display:
    """Progress: one line that is redrawn on a terminal, a line for each stage elsewhere."""

    __slots__ = ("_is_terminal", "_open", "_output", "_quiet", "_stage")

    def __init__(self, output: TextIO, *, quiet: bool) -> None:
        self._output = output
        self._quiet = quiet
        self._is_terminal = output.isatty()
        self._stage = ""
        self._open = False

    def show(self, stage: str, percent: int) -> None:
        if self._quiet:
            return
        if self._is_terminal:
            bar = "#" * (percent // 5)
            self._output.write(f"\r\033[K[{bar:<20}] {percent:3d}% {stage}")
            self._open = True
        elif stage != self._stage:
            self._output.write(f"{percent:3d}% {stage}\n")
        self._stage = stage
        self._output.flush()

    def end(self) -> None:
        if self._open:
            self._output.write("\n")
            self._open = False
