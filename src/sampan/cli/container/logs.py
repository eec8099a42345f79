"""`sampan logs`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING
from sampan.containers.options import LogOptions
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER",
    summary="Show what a container wrote",
    examples=(
        Example("The last lines, and what comes", "logs -f --tail 20 web"),
        Example("What it wrote in the last ten minutes", "logs --since 10m web"),
    ),
    flags=(
        Flag("details", BOOL, "Show what --log-opt labels, env and tag chose"),
        Flag("follow", BOOL, "Go on as it writes", "f"),
        Flag("since", STRING, "From this time on (RFC 3339, seconds, or a duration before now such as 10m)"),
        Flag("tail", STRING, "Number of lines from the end", "n", default="all"),
        Flag("timestamps", BOOL, "Put the time before each line", "t"),
        Flag("until", STRING, "Up to this time"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    options = LogOptions(
        follow=parsed.boolean("follow"),
        since=_moment("since", parsed.string("since")),
        until=_moment("until", parsed.string("until")),
        tail=_tail(parsed.string("tail")),
        timestamps=parsed.boolean("timestamps"),
        details=parsed.boolean("details"),
    )
    engine = Engine(invocation.settings.root or None)
    outputs = {"stdout": sys.stdout.buffer, "stderr": sys.stderr.buffer}
    for stream, text in engine.containers.log_text(invocation.arguments[0], options):
        outputs[stream].write(text)
        outputs[stream].flush()
    return 0


def _tail(text: str) -> int:
    """Docker takes anything that is no number for all."""
    return int(text) if text.isdecimal() and len(text) < 19 else -1


def _moment(name: str, text: str) -> int:
    """ns since the epoch, 0 for "". Raises ClientError in docker's words."""
    from sampan.cli.values.times import read_moment

    try:
        return read_moment(text) if text else 0
    except ValueError as error:
        raise ClientError(f'invalid value for "{name}": failed to parse value as time or duration: "{text}"') from error
