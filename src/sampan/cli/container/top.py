"""`sampan top`."""

from sampan.cli.command import Command, Example

COMMAND = Command(
    arguments="CONTAINER [ps OPTIONS]",
    summary="List the processes of a container",
    examples=(Example("With columns of your choice", "top web -o pid,rss,args"),),
    takes=(1, None),
    interspersed=False,
)
