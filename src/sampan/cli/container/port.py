"""`sampan port`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL
from sampan.cli.views.containers import PublishedPort
from sampan.cli.views.details import port_addresses, port_lines
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [PRIVATE_PORT[/PROTO]]",
    summary="List the published ports of a container",
    examples=(
        Example("Where port 80 answers", "port web 80"),
        Example("Who reaches it, by which rule, and how to keep others out", "port --why web"),
    ),
    flags=(Flag("why", BOOL, "Say in plain words who reaches the ports, and by which rule"),),
    takes=(1, 2),
)


def execute(invocation: Invocation) -> int:
    engine = Engine(invocation.settings.root or None)
    name = invocation.arguments[0]
    if invocation.parsed.boolean("why"):
        print(*engine.containers.why_ports(name), sep="\n")
        return 0
    ports = [PublishedPort(*port) for port in engine.containers.ports(name)]
    if len(invocation.arguments) > 1:
        print(port_addresses(ports, invocation.arguments[1], name), end="")
    else:
        print(port_lines(ports), end="")
    return 0
