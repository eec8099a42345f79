"""`sampan volume export`."""

from sampan.cli import outfile
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] VOLUME",
    summary="Write a volume's content as a tar",
    examples=(
        Example("To a file", "volume export -o data.tar data"),
        Example("To stdout, for zstd or tar", "volume export data"),
    ),
    flags=(Flag("output", STRING, "Write to a file instead of stdout", "o"),),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    path, name = invocation.parsed.string("output"), invocation.arguments[0]
    outfile.check(path, "export volume", f"sampan volume export -o FILE {name}")
    volumes = Engine(invocation.settings.root or None).volumes
    volumes.get(name)
    outfile.write(path, "export volume", lambda write: volumes.export(name, write))
    return 0
