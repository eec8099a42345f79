"""`sampan snapshot`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.container import commit_options
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments=commit_options.ARGUMENTS,
    summary="Make an image of a container together with its volumes' data",
    examples=(Example("A database with its data, to start test copies from", "snapshot db db-with-data:1"),),
    flags=(
        commit_options.AUTHOR,
        commit_options.CHANGE,
        Flag("force", BOOL, "Also when the container's health check does not say that it is healthy", "f"),
        commit_options.MESSAGE,
    ),
    takes=(1, 2),
)


def execute(invocation: Invocation) -> int:
    options = commit_options.read(invocation)
    containers = Engine(invocation.settings.root or None).containers
    print(containers.snapshot(invocation.arguments[0], options, force=invocation.parsed.boolean("force")))
    return 0
