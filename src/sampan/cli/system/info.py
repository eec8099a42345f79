"""`sampan info`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import inspect_format_flag
from sampan.cli.views.host import information
from sampan.cli.views.show import show_one
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show this host and this store",
    examples=(Example("How many containers run", "info -f '{{.ContainersRunning}}'"),),
    flags=(inspect_format_flag(),),
)


def execute(invocation: Invocation) -> int:
    return show_one(invocation, Engine(invocation.settings.root or None).system.info(), information)
