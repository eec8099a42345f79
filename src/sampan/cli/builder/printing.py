"""How a build's progress is shown."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sampan.builder.progress.plain import PlainPrinter

MODES = ("", "auto", "plain", "tty", "quiet", "none", "rawjson")


def printer(progress: str) -> AbstractContextManager[Any]:
    """Entered, it takes the build's events, None for none; `progress` is one of MODES."""
    if progress in ("quiet", "none"):
        return nullcontext()
    if progress == "rawjson":
        from sampan.builder.progress.rawjson import RawJsonPrinter

        return RawJsonPrinter(sys.stderr)
    if progress == "tty" or (progress in ("", "auto") and sys.stderr.isatty()):
        from sampan.builder.progress.terminal import TerminalPrinter

        return TerminalPrinter(sys.stderr, has_colour="NO_COLOR" not in os.environ)
    return PlainPrinter(sys.stderr)
