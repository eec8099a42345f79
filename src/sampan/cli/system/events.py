"""`sampan events`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, filter_flag
from sampan.cli.kinds import STRING
from sampan.cli.values.times import read_moment
from sampan.cli.views.container_filters import gather
from sampan.cli.views.events import Format
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show what happens, as it happens",
    examples=(
        Example("What happened in the last ten minutes, and what comes", "events --since 10m"),
        Example("Containers that end", "events --filter type=container --filter event=die"),
        Example("For a program", "events --format json"),
    ),
    flags=(
        filter_flag(),
        Flag("format", STRING, "Print each one as 'json' or through a Go TEMPLATE"),
        Flag("since", STRING, "Begin with this time (RFC 3339, seconds, or a duration before now such as 10m)"),
        Flag("until", STRING, "End at this time"),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    form = Format(parsed.string("format"))
    since, until = _moment(parsed.string("since")), _moment(parsed.string("until"))
    engine = Engine(invocation.settings.root or None)
    for event in engine.events(since_ns=since, until_ns=until, filters=gather(parsed.pairs("filter"))):
        print(form.text(event))
        sys.stdout.flush()
    return 0


def _moment(text: str) -> int:
    """ns since the epoch, 0 for "". Raises ClientError in docker's words."""
    try:
        return max(read_moment(text), 1) if text else 0
    except ValueError as error:
        raise ClientError(f'failed to parse value as time or duration: "{text}"') from error
