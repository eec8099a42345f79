"""`sampan network prune`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.kinds import BOOL
from sampan.cli.question import confirmed
from sampan.cli.views.container_filters import gather
from sampan.cli.views.pruned import section
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove networks that no container is in",
    examples=(
        Example("What would go", "network prune --dry-run"),
        Example("Those that are older than a day, without a question", "network prune -f --filter until=24h"),
    ),
    flags=(
        Flag("dry-run", BOOL, "Show what would be removed, and remove nothing"),
        filter_flag(""),
        force_flag(),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    dry_run = parsed.boolean("dry-run")
    warning = "This will remove all custom networks not used by at least one container."
    if not confirmed(warning, force=parsed.boolean("force") or dry_run):
        return 0
    names = Engine(invocation.settings.root or None).networks.prune(filters, dry_run=dry_run)
    print(section("Deleted Networks", names, dry_run=dry_run), end="")
    return 0
