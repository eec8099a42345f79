"""`sampan system df`."""

import time

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, format_flag
from sampan.cli.format import render
from sampan.cli.kinds import BOOL
from sampan.cli.views import disk
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show how much space images, containers, volumes and build cache take",
    examples=(Example("One line for each object", "system df -v"),),
    flags=(
        format_flag(),
        Flag("verbose", BOOL, "One table for each kind of object", "v"),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    usage = Engine(invocation.settings.root or None).system.disk_usage()
    if parsed.boolean("verbose"):
        from sampan.cli.views import disk_details

        form = parsed.string("format")
        if form and form != "table":
            print(disk_details.formatted(usage, time.time_ns(), form), end="")
        else:
            print(disk_details.verbose(usage, time.time_ns()), end="")
        return 0
    print(render(disk.LISTING, disk.rows(usage), parsed.string("format")), end="")
    return 0
