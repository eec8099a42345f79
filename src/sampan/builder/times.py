"""The times that a reproducible build writes instead of those of its clock. Pure.

https://reproducible-builds.org/specs/source-date-epoch/
"""

import re
import time
from typing import TYPE_CHECKING

from sampan.errors import InvalidArgument
from sampan.values import NamedTuple

if TYPE_CHECKING:
    from sampan.builder.options import BuildOptions

ARGUMENT = "SOURCE_DATE_EPOCH"
_LATEST = 253402300799  # the last second that RFC 3339 can write


class Times(NamedTuple):
    """`seconds` since 1970 are what configuration and history say. Of the files in layers that are made, with
    `clamps_files` those get it that are later, and with `fixes_files` all; then commands are told too."""

    seconds: int
    clamps_files: bool = False
    fixes_files: bool = False

    @property
    def text(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.seconds))

    @property
    def files(self) -> str:
        """What becomes of files' times, "" for nothing; part of a step's key."""
        return f"all {self.seconds}" if self.fixes_files else f"until {self.seconds}" if self.clamps_files else ""


def of(options: "BuildOptions") -> Times | None:
    """What a build is asked for; None for the clock's times. Raises InvalidArgument in BuildKit's words."""
    text = options.build_args.get(ARGUMENT) or ""
    clamps = any(output.clamps_times for output in options.outputs)
    if not text:
        if clamps and not options.reproducible:
            raise InvalidArgument(
                f"rewrite-timestamp needs {ARGUMENT}", hint=f"as in --build-arg {ARGUMENT}=$(git log -1 --pretty=%ct)"
            )
        return Times(0, fixes_files=True) if options.reproducible else None
    if not re.fullmatch(r"[+-]?[0-9]{1,30}", text):
        raise InvalidArgument(
            f'invalid source-date-epoch: strconv.ParseInt: parsing "{text}": invalid syntax',
            hint=f"{ARGUMENT} is a number of seconds, as `date +%s` prints it",
        )
    if not 0 <= int(text) <= _LATEST:
        raise InvalidArgument(f"invalid source-date-epoch: {text} is out of range", hint=f"0 to {_LATEST}")
    return Times(int(text), clamps_files=clamps, fixes_files=options.reproducible)


def clamped(created: str, limit: str) -> str:
    """A time, RFC 3339, that is not after `limit`, one in UTC and whole seconds; what is no time stays."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)", created)
    if match is None:
        return created
    given = match[1] + "Z"
    return limit if given > limit or (given == limit and (match[2] or "").strip(".0")) else created
