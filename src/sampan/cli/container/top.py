"""`sampan top`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.views.details import process_table
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="CONTAINER [ps OPTIONS]",
    summary="List the processes of a container",
    examples=(Example("With columns of your choice", "top web -o pid,rss,args"),),
    takes=(1, None),
    interspersed=False,
)


def execute(invocation: Invocation) -> int:
    engine = Engine(invocation.settings.root or None)
    titles, processes = engine.containers.top(invocation.arguments[0], tuple(invocation.arguments[1:]))
    print(process_table(titles, processes), end="")
    return 0
