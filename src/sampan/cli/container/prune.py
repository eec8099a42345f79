"""`sampan container prune`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import filter_flag, force_flag
from sampan.cli.output import human_size
from sampan.cli.question import confirmed
from sampan.cli.views.container_filters import gather
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove all containers that are not running",
    examples=(Example("Those that are older than a day, without a question", "container prune -f --filter until=24h"),),
    flags=(
        filter_flag(""),
        force_flag(),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    if not confirmed("This will remove all stopped containers.", force=parsed.boolean("force"), filters=filters):
        return 0
    removed = Engine(invocation.settings.root or None).containers.prune(filters)
    if removed:
        print("Deleted Containers:")
        print("".join(f"{container_id}\n" for container_id, _ in removed))
    print(f"Total reclaimed space: {human_size(sum(size for _, size in removed))}")
    return 0
