"""`sampan export`."""

from sampan.cli import outfile
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER",
    summary="Write a container's files as a tar",
    examples=(
        Example("To a file", "export -o box.tar box"),
        Example("To stdout, for sampan import or tar", "export box"),
    ),
    flags=(Flag("output", STRING, "Write to a file instead of stdout", "o"),),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    path = invocation.parsed.string("output")
    outfile.check(path, "export container", f"sampan export -o FILE {invocation.arguments[0]}")
    containers = Engine(invocation.settings.root or None).containers
    container_id = containers.get(invocation.arguments[0]).id
    outfile.write(path, "export container", lambda write: containers.export(container_id, write))
    return 0
