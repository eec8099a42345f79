"""`sampan kill`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Send a signal to containers, by default KILL",
    examples=(Example("Let it read its configuration again", "kill -s HUP web"),),
    flags=(Flag("signal", STRING, "Signal to send", "s"),),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    engine = Engine(invocation.settings.root or None)
    signal = invocation.parsed.string("signal") or "KILL"
    return each(
        invocation.arguments,
        lambda name: engine.containers.kill(name, signal),
        failure=lambda name, error: f"Error response from daemon: cannot kill container: {name}: {error.message}",
    )
