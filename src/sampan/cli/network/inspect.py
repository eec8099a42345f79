"""`sampan network inspect`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, inspect_format_flag
from sampan.cli.kinds import BOOL
from sampan.cli.views.show import show
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] NETWORK [NETWORK...]",
    summary="Show everything that is known about networks",
    examples=(
        Example(
            "Who is in it",
            "network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{println}}{{end}}' front",
        ),
    ),
    flags=(
        inspect_format_flag(),
        Flag("verbose", BOOL, "Accepted for docker's sake, without effect", "v"),
    ),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    return show(invocation, Engine(invocation.settings.root or None).networks.inspect)
