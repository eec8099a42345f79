"""`sampan snapshot`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, LIST, STRING
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    summary="Make an image of a container together with its volumes' data",
    examples=(Example("A database with its data, to start test copies from", "snapshot db db-with-data:1"),),
    flags=(
        Flag("author", STRING, "Who made it, such as 'Ann <ann@example.com>'", "a"),
        Flag("change", LIST, "Dockerfile instruction to apply, such as 'ENV DEBUG=1'", "c"),
        Flag("force", BOOL, "Also when the container's health check does not say that it is healthy", "f"),
        Flag("message", STRING, "Comment in the history", "m"),
    ),
    takes=(1, 2),
)


def execute(invocation: Invocation) -> int:
    from sampan.containers.commit import CommitOptions
    from sampan.oci.reference import parse

    parsed = invocation.parsed
    reference = invocation.arguments[1] if len(invocation.arguments) > 1 else ""
    try:
        if reference:
            parse(reference)
    except InvalidArgument as error:
        raise ClientError(error.message, hint=error.hint) from error
    options = CommitOptions(
        reference=reference,
        author=parsed.string("author"),
        message=parsed.string("message"),
        changes=tuple(parsed.strings("change")),
    )
    containers = Engine(invocation.settings.root or None).containers
    print(containers.snapshot(invocation.arguments[0], options, force=parsed.boolean("force")))
    return 0
