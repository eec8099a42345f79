"""`sampan load`."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, TextIO

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.image.save import one_platform
from sampan.cli.kinds import SLICE, STRING
from sampan.cli.output import human_size
from sampan.engine.engine import Engine
from sampan.errors import SampanError
from sampan.images.archive import folders
from sampan.images.archive.loading import Loaded

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Load images from an archive",
    examples=(
        Example("A file, compressed or not", "load -i images.tar.zst"),
        Example("The folder of an OCI layout", "load -i layout"),
        Example("From another program, such as zstd -dc or ssh", "load"),
    ),
    flags=(
        Flag("input", STRING, "Read from a file, or an OCI layout's folder, instead of stdin", "i"),
        Flag("platform", SLICE, "Load only this platform, os[/arch[/variant]]"),
        quiet_flag("Show no progress"),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    platform = one_platform(parsed.strings("platform"))
    display = Display(sys.stdout, quiet=parsed.boolean("quiet"))
    with opened(parsed.string("input")) as source:
        images = Engine(invocation.settings.root or None).images
        try:
            loaded = images.load(source, platform=platform, on_progress=display.show)
        except SampanError as error:
            raise ClientError(error.message, hint=error.hint) from error
        finally:
            display.end()
    print(loaded_lines(loaded), end="")
    return 0


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """The archive at `path`, which may be the folder of an OCI layout, or standard input for "". Raises ClientError."""
    if not path:
        if sys.stdin.isatty():
            raise ClientError("requested load from stdin, but stdin is empty", hint="name a file: -i FILE")
        yield sys.stdin.buffer
        return
    if os.path.isdir(path):
        with folders.opened(path) as stream:
            yield stream
        return
    try:
        source = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise ClientError(f"open {path}: {(error.strerror or '').lower()}") from error
    with source:
        yield source


def loaded_lines(loaded: Sequence[Loaded]) -> str:
    """What docker prints of images that were loaded."""
    lines = []
    for image in loaded:
        for tag, owner in image.displaced:
            lines.append(f"The image {tag} already exists, renaming the old one with ID {owner} to empty string\n")
        lines += [f"Loaded image: {tag}\n" for tag in image.tags]
        if not image.tags:
            lines.append(f"Loaded image ID: {image.image_id}\n")
    return "".join(lines)


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
