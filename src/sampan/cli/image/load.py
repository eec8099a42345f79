"""`sampan load`."""

import sys
from typing import TextIO

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.image.save import one_platform
from sampan.cli.kinds import SLICE, STRING
from sampan.cli.output import human_size
from sampan.engine.engine import Engine
from sampan.errors import SampanError

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Load images from an archive",
    examples=(
        Example("A file, compressed or not", "load -i images.tar.zst"),
        Example("From another program, such as zstd -dc or ssh", "load"),
    ),
    flags=(
        Flag("input", STRING, "Read from a file instead of stdin", "i"),
        Flag("platform", SLICE, "Load only this platform, os[/arch[/variant]]"),
        quiet_flag("Show no progress"),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    path = parsed.string("input")
    if not path and sys.stdin.isatty():
        raise ClientError("requested load from stdin, but stdin is empty", hint="sampan load -i FILE")
    platform = one_platform(parsed.strings("platform"))
    display = Display(sys.stdout, quiet=parsed.boolean("quiet"))
    try:
        with open(path, "rb") if path else sys.stdin.buffer as source:
            images = Engine(invocation.settings.root or None).images
            loaded = images.load(source, platform=platform, on_progress=display.show)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ClientError(f"open {path}: {(error.strerror or '').lower()}") from error
    except SampanError as error:
        display.end()
        raise ClientError(error.message, hint=error.hint) from error
    display.end()
    for image in loaded:
        for tag, owner in image.displaced:
            print(f"The image {tag} already exists, renaming the old one with ID {owner} to empty string")
        for tag in image.tags:
            print(f"Loaded image: {tag}")
        if not image.tags:
            print(f"Loaded image ID: {image.image_id}")
    return 0


class Display:
    """Progress on a terminal: a line for each layer, as docker has it. Elsewhere nothing is shown."""

    _WIDTH = 50

    def __init__(self, output: TextIO, *, quiet: bool) -> None:
        self._output = output
        self._is_shown = output.isatty() and not quiet
        self._path, self._percent = "", -1

    def show(self, path: str, count: int, size: int) -> None:
        percent = 100 * count // size if size else 100
        if not self._is_shown or (path, percent) == (self._path, self._percent):
            return
        if path != self._path:
            self.end()
        self._path, self._percent = path, percent
        arrow = "=" * (self._WIDTH * percent // 100) + ">"
        bar = f"[{arrow[: self._WIDTH]:<{self._WIDTH}}]"
        name = path.removesuffix("/layer.tar").rpartition("/")[2][:12]
        self._output.write(f"\r\033[K{name}: Loading layer  {bar}  {human_size(count)}/{human_size(size)}")
        self._output.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._path:
            self._output.write("\n")
            self._path = ""
