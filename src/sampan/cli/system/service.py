"""`sampan system service`."""

import os

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING
from sampan.engine import service

COMMAND = Command(
    arguments="[OPTIONS] install|uninstall|status",
    summary="Let systemd start the containers of this store at boot",
    examples=(
        Example("Containers with --restart always come back", "system service install"),
        Example("Only write the unit", "system service install --path ."),
    ),
    flags=(
        Flag("path", STRING, "Folder of the unit; systemd's own by default"),
        Flag("user", BOOL, "A unit of this user's systemd"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    folder = parsed.string("path")
    chosen = service.of(
        invocation.settings.root or None,
        is_user=parsed.boolean("user"),
        folder=os.path.abspath(folder) if folder else "",
    )
    match invocation.arguments[0]:
        case "install":
            left = service.install(chosen)
            print(chosen.path)
            for line in left:
                print(line)
        case "uninstall":
            service.uninstall(chosen)
            print(chosen.path)
        case "status":
            found = service.status(chosen)
            for key, value in found.items():
                print(f"{key}: {value}")
            return 0 if os.path.exists(chosen.path) else 1
        case word:
            raise ClientError(f"unknown action {word}", hint="install, uninstall or status")
    return 0
