"""`sampan port`."""

from sampan.cli.command import Command, Example

COMMAND = Command(
    arguments="CONTAINER [PRIVATE_PORT[/PROTO]]",
    summary="List the published ports of a container",
    examples=(Example("Where port 80 answers", "port web 80"),),
    takes=(1, 2),
)
