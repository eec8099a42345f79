"""What `commit` and `snapshot` take alike."""

from typing import TYPE_CHECKING

from sampan.cli.command import Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import LIST, STRING
from sampan.errors import InvalidArgument

if TYPE_CHECKING:
    from sampan.containers.commit import CommitOptions

ARGUMENTS = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]"
AUTHOR = Flag("author", STRING, "Who made it, such as 'Ann <ann@example.com>'", "a")
CHANGE = Flag("change", LIST, "Dockerfile instruction to apply, such as 'ENV DEBUG=1'", "c")
MESSAGE = Flag("message", STRING, "Comment in the history", "m")


def read(invocation: Invocation) -> "CommitOptions":
    """The options that these arguments and flags give. Raises ClientError for a malformed reference."""
    from sampan.containers.commit import CommitOptions
    from sampan.oci.reference import parse

    parsed = invocation.parsed
    reference = invocation.arguments[1] if len(invocation.arguments) > 1 else ""
    try:
        if reference:
            parse(reference)
    except InvalidArgument as error:
        raise ClientError(error.message, hint=error.hint) from error
    return CommitOptions(
        reference=reference,
        author=parsed.string("author"),
        message=parsed.string("message"),
        changes=tuple(parsed.strings("change")),
    )
