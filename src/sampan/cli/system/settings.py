"""`sampan system settings`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.cli.views.settings import rows, table
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show the engine's settings, and where each comes from",
    examples=(
        Example("All of them, with the file and line", "system settings"),
        Example("For a program", "system settings --format json"),
    ),
    flags=(Flag("format", STRING, "'json', or a Go template for each setting: Name, Value, From"),),
)


def execute(invocation: Invocation) -> int:
    loaded = Engine(invocation.settings.root or None).system.settings()
    form = invocation.parsed.string("format")
    if form:
        from sampan.cli.views.settings import render

        print(render(rows(loaded), form))
    else:
        print(table(rows(loaded)))
    return 0
