"""`sampan network inspect`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, inspect_format_flag
from sampan.cli.kinds import BOOL

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
