"""`sampan volume create`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag
from sampan.cli.kinds import LABELS, MAP, STRING

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
