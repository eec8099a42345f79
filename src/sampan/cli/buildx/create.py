"""`sampan buildx create`."""

from sampan.cli.buildx.instances import refuse
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING, STRINGS

COMMAND = Command(
    arguments="[OPTIONS] [CONTEXT|ENDPOINT]",
    summary="Refused: there is one builder, which is built in",
    examples=(Example("Says that there is one builder, which `buildx ls` shows", "buildx create --name mine"),),
    flags=(
        Flag("buildkitd-config", STRING, "", hidden=True),
        Flag("buildkitd-flags", STRING, "", hidden=True),
        Flag("builder", STRING, "", hidden=True),
        Flag("driver", STRING, "", hidden=True),
        Flag("name", STRING, "", hidden=True),
        Flag("node", STRING, "", hidden=True),
        Flag("timeout", STRING, "", hidden=True),
        Flag("driver-opt", STRINGS, "", hidden=True),
        Flag("platform", STRINGS, "", hidden=True),
        Flag("append", BOOL, "", hidden=True),
        Flag("bootstrap", BOOL, "", hidden=True),
        Flag("leave", BOOL, "", hidden=True),
        Flag("use", BOOL, "", hidden=True),
    ),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    name = invocation.parsed.string("name")
    if name == "default":
        raise refuse("default is a reserved name and cannot be used to identify builder instance")
    raise refuse(f"builder {name or 'instances'} cannot be created")
