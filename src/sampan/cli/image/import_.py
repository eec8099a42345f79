"""`sampan import`."""

from sampan.cli.command import Command, Example
from sampan.cli.flags import Flag
from sampan.cli.kinds import LIST, STRING

COMMAND = Command(
    arguments="[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    summary="Make an image from a tar archive of a file system",
    examples=(Example("A root file system with its command", "import -c 'CMD [\"sh\"]' rootfs.tar.xz base:1"),),
    flags=(
        Flag("change", LIST, "Dockerfile instruction to apply, such as 'CMD [\"sh\"]'", "c"),
        Flag("message", STRING, "Comment in the history", "m"),
        Flag("platform", STRING, "Platform to write down, os[/arch[/variant]]"),
    ),
    takes=(1, 2),
)
