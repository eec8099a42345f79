"""`sampan system shutdown`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import INT
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Stop every container and whatever watches them",
    examples=(Example("With five seconds for each", "system shutdown -t 5"),),
    flags=(Flag("timeout", INT, "Seconds to wait before killing a container; -1 for ever", "t"),),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    timeout = parsed.integer("timeout") if parsed.is_given("timeout") else None
    for name in Engine(invocation.settings.root or None).system.shutdown(timeout):
        print(name)
    return 0
