"""`sampan commit`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.container import commit_options
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments=commit_options.ARGUMENTS,
    summary="Make an image of what a container is, its volumes apart",
    examples=(
        Example("With a message", "commit -m 'with curl' box tools:1"),
        Example("With another command", "commit -c 'CMD [\"serve\"]' box web:2"),
    ),
    flags=(
        commit_options.AUTHOR,
        commit_options.CHANGE,
        commit_options.MESSAGE,
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
    parsed = invocation.parsed
    options = commit_options.read(invocation)
    if parsed.is_given("pause") and parsed.is_given("no-pause"):
        raise ClientError(
            "conflicting options: --no-pause and --pause cannot be used together", hint="--no-pause alone"
        )
    chosen = options._replace(pause=parsed.boolean("pause") and not parsed.boolean("no-pause"))
    print(Engine(invocation.settings.root or None).containers.commit(invocation.arguments[0], chosen))
    return 0
