"""`sampan container prune`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import filter_flag, force_flag
from sampan.cli.question import confirmed
from sampan.cli.views.container_filters import gather
from sampan.cli.views.pruned import dry_run_flag, section, sized, total
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove all containers that are not running",
    examples=(
        Example("Those that are older than a day, without a question", "container prune -f --filter until=24h"),
        Example("See first what would go", "container prune --dry-run"),
    ),
    flags=(
        dry_run_flag(),
        filter_flag(""),
        force_flag(),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    dry_run = parsed.boolean("dry-run")
    if not confirmed("This will remove all stopped containers.", force=parsed.boolean("force") or dry_run):
        return 0
    removed = Engine(invocation.settings.root or None).containers.prune(filters, dry_run=dry_run)
    print(section("Deleted Containers", sized(removed, dry_run=dry_run), dry_run=dry_run), end="")
    print(total(sum(size for _, size in removed), dry_run=dry_run), end="")
    return 0
