"""`sampan stop`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.cli.flags import Flag
from sampan.cli.kinds import INT, STRING
from sampan.engine.engine import Engine
from sampan.errors import SampanError

FLAGS = (
    Flag("signal", STRING, "Signal to send, instead of the container's own", "s"),
    Flag("timeout", INT, "Seconds to wait before KILL, -1 for ever", "t"),
    Flag("time", INT, "", sets="timeout", hidden=True),
)

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Stop running containers",
    examples=(Example("Give it half a minute to finish", "stop -t 30 web"),),
    flags=FLAGS,
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    timeout = parsed.integer("timeout") if parsed.is_given("timeout") else None

    def stop(name: str) -> None:
        engine.containers.stop(name, timeout_seconds=timeout, signal=parsed.string("signal"))

    return each(invocation.arguments, stop, failure=lambda name, error: _failure(name, error))


def _failure(name: str, error: SampanError) -> str:
    if error.message.startswith("No such container"):
        return f"Error response from daemon: {error.message}"
    return f"Error response from daemon: cannot stop container: {name}: {error.message}"
