"""`sampan network disconnect`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import force_flag
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] NETWORK CONTAINER",
    summary="Take a container out of a network, also while it runs",
    examples=(Example("It is not reached by others in the network any more", "network disconnect back postgres"),),
    flags=(force_flag("Accepted for docker's sake: what a container held is freed when it goes"),),
    takes=(2, 2),
)


def execute(invocation: Invocation) -> int:
    network, container = invocation.arguments
    force = invocation.parsed.boolean("force")
    Engine(invocation.settings.root or None).networks.disconnect(network, container, force=force)
    return 0
