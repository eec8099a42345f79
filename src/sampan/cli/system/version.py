"""`sampan version`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import inspect_format_flag
from sampan.cli.views.host import version_record, versions
from sampan.cli.views.show import show_one
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show the version of sampan and of its parts",
    examples=(Example("The version alone", "version -f '{{.Client.Version}}'"),),
    flags=(inspect_format_flag(),),
)


def execute(invocation: Invocation) -> int:
    document = Engine(invocation.settings.root or None).system.version()
    return show_one(invocation, version_record(document), versions(document), "version")
