"""`sampan info`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import inspect_format_flag
from sampan.cli.views.host import information, information_record
from sampan.cli.views.show import show_one
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show this host and this store",
    examples=(Example("How many containers run", "info -f '{{.ContainersRunning}}'"),),
    flags=(inspect_format_flag(),),
)


def execute(invocation: Invocation) -> int:
    system = Engine(invocation.settings.root or None).system
    client = {**system.version()["Client"], "Debug": False, "Plugins": [], "Warnings": None}
    document = {**system.info(), "ClientInfo": client}
    code = show_one(invocation, information_record(document), information(document))
    if not invocation.parsed.string("format"):
        sys.stdout.flush()
        for warning in document["Warnings"] or ():
            print(warning, file=sys.stderr)
    return code
