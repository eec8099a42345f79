"""`sampan logout`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[SERVER[/PATH]]",
    summary="Forget the account at a registry",
    examples=(Example("At a registry of one's own", "logout localhost:5000"),),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    server = invocation.arguments[0] if invocation.arguments else ""
    registries = Engine(invocation.settings.root or None).registries(invocation.settings.config)
    print(f"Removing login credentials for {server or 'https://index.docker.io/v1/'}")
    registries.logout(server)
    return 0
