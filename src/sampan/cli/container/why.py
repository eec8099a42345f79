"""`sampan why`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import inspect_format_flag
from sampan.cli.views.explanation import readable, record
from sampan.cli.views.show import show_one
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER",
    summary="Say in plain words why a container is in its state",
    examples=(
        Example("Why did it end?", "why web"),
        Example("For programs", "why --format '{{range .Reasons}}{{println .Kind}}{{end}}' web"),
    ),
    flags=(inspect_format_flag(),),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    explanation = Engine(invocation.settings.root or None).containers.why(invocation.arguments[0])
    return show_one(invocation, record(explanation), readable(explanation))
