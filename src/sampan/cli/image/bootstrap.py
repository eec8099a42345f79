"""`sampan image bootstrap`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.kinds import STRING, STRINGS

COMMAND = Command(
    arguments="[OPTIONS] DISTRIBUTION[:SUITE]",
    summary="Make a minimal base image from a distribution's own packages",
    examples=(Example("Debian with Python", "image bootstrap --include python3 -t python:3.11 debian:bookworm-slim"),),
    flags=(
        Flag("arch", STRING, "Architecture, such as amd64; the host's by default"),
        Flag("include", STRINGS, "More packages, separated by commas"),
        Flag("mirror", STRING, "Package archive; as the host's apt sources say by default"),
        quiet_flag("Print only the image's ID"),
        Flag("tag", STRINGS, "Name of the image; the argument by default", "t"),
    ),
    takes=(1, 1),
)
