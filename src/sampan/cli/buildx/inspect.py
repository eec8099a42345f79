"""`sampan buildx inspect`."""

import os

from sampan import __version__
from sampan.cli.buildx.instances import check
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING
from sampan.oci import platform

COMMAND = Command(
    arguments="[NAME]",
    summary="Show the builder: there is one, which is built in",
    examples=(Example("For which platforms it builds", "buildx inspect"),),
    flags=(
        Flag("bootstrap", BOOL, "Accepted for docker's sake: there is nothing to start"),
        Flag("builder", STRING, "", hidden=True),
        Flag("timeout", STRING, "", hidden=True),
    ),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    for name in invocation.arguments:
        check(name)
    here = platform.host_platform(os.uname().machine)
    print(
        "Name:   default\nDriver: sampan\n\nNodes:\nName:             default\nEndpoint:         built in\n"
        f"Status:           running\nBuildKit version: sampan {__version__}\nPlatforms:        {here}"
    )
    return 0
