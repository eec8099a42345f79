"""`sampan volume create`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import LABELS, MAP, STRING
from sampan.cli.values.environment import labels
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] [VOLUME]",
    summary="Make a volume",
    examples=(Example("A volume with a label", "volume create --label tier=back data"),),
    flags=(
        Flag("driver", STRING, "Driver of the volume", "d", default="local"),
        Flag("label", LABELS, "Label, KEY=VALUE or KEY"),
        Flag("name", STRING, "", hidden=True),
        Flag("opt", MAP, "Option of the driver, KEY=VALUE", "o"),
    ),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    name = invocation.arguments[0] if invocation.arguments else parsed.string("name")
    if invocation.arguments and parsed.string("name"):
        raise ClientError(
            "conflicting options: cannot specify a volume name through both --name and as a positional arg"
        )
    volume = Engine(invocation.settings.root or None).volumes.create(
        name,
        driver=parsed.string("driver"),
        labels=labels((), parsed.strings("label")),
        options=parsed.mapping("opt"),
    )
    print(volume.name)
    return 0
