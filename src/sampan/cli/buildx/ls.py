"""`sampan buildx ls`."""

import os

from sampan import __version__
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, format_flag, no_trunc_flag
from sampan.cli.format import Listing, render
from sampan.cli.kinds import STRING
from sampan.cli.output import table
from sampan.oci import platform

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show the builder: there is one, which is built in",
    examples=(Example("Its platforms, as JSON", "buildx ls --format json"),),
    flags=(
        Flag("builder", STRING, "", hidden=True),
        format_flag(),
        no_trunc_flag(),
        Flag("timeout", STRING, "", hidden=True),
    ),
)
_COLUMNS = {"Name": "NAME/NODE", "DriverEndpoint": "DRIVER/ENDPOINT", "Status": "STATUS", "Buildkit": "BUILDKIT",
            "Platforms": "PLATFORMS"}  # fmt: skip
_LISTING = Listing(type_name="*commands.lsContext", headers=_COLUMNS, columns=tuple(_COLUMNS))


def execute(invocation: Invocation) -> int:
    form = invocation.parsed.string("format")
    here = str(platform.host_platform(os.uname().machine))
    if form and form != "table":
        row = {
            "Name": "default",
            "DriverEndpoint": "sampan",
            "Status": "running",
            "Buildkit": f"sampan {__version__}",
            "Platforms": here,
        }
        print(render(_LISTING, [row], form), end="")
        return 0
    rows = [
        tuple(_COLUMNS.values()),
        ("default*", "sampan", "", "", ""),
        (r" \_ default", r" \_ built in", "running", __version__, here),
    ]
    print(table(rows, narrowest=0), end="")
    return 0
