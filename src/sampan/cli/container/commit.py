"""`sampan commit`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, LIST, STRING
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    summary="Make an image of what a container is, its volumes apart",
    examples=(
        Example("With a message", "commit -m 'with curl' box tools:1"),
        Example("With another command", "commit -c 'CMD [\"serve\"]' box web:2"),
    ),
    flags=(
        Flag("author", STRING, "Who made it, such as 'Ann <ann@example.com>'", "a"),
        Flag("change", LIST, "Dockerfile instruction to apply, such as 'ENV DEBUG=1'", "c"),
        Flag("message", STRING, "Comment in the history", "m"),
        Flag("no-pause", BOOL, "Let the container run on meanwhile"),
        Flag(
            "pause",
            BOOL,
            "Freeze the container meanwhile (the default; --no-pause says otherwise)",
            "p",
            default="true",
        ),
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
    if parsed.is_given("pause") and parsed.is_given("no-pause"):
        raise ClientError(
            "conflicting options: --no-pause and --pause cannot be used together", hint="--no-pause alone"
        )
    options = CommitOptions(
        reference=reference,
        author=parsed.string("author"),
        message=parsed.string("message"),
        changes=tuple(parsed.strings("change")),
        pause=parsed.boolean("pause") and not parsed.boolean("no-pause"),
    )
    print(Engine(invocation.settings.root or None).containers.commit(invocation.arguments[0], options))
    return 0
