"""`sampan port`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.views.containers import PublishedPort
from sampan.cli.views.details import port_addresses, port_lines
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="CONTAINER [PRIVATE_PORT[/PROTO]]",
    summary="List the published ports of a container",
    examples=(Example("Where port 80 answers", "port web 80"),),
    takes=(1, 2),
)


def execute(invocation: Invocation) -> int:
    engine = Engine(invocation.settings.root or None)
    name = invocation.arguments[0]
    ports = [PublishedPort(*port) for port in engine.containers.ports(name)]
    if len(invocation.arguments) > 1:
        print(port_addresses(ports, invocation.arguments[1], name), end="")
    else:
        print(port_lines(ports), end="")
    return 0
