"""`sampan network prune`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.kinds import BOOL
from sampan.cli.question import confirmed
from sampan.cli.views.container_filters import gather
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
    networks = Engine(invocation.settings.root or None).networks
    if parsed.boolean("dry-run"):
        _show("Networks that would be deleted:", networks.prune(filters, dry_run=True))
        return 0
    warning = "This will remove all custom networks not used by at least one container."
    if confirmed(warning, force=parsed.boolean("force"), filters=filters):
        _show("Deleted Networks:", networks.prune(filters))
    return 0


def _show(title: str, names: list[str]) -> None:
    if names:
        print(title, *names, sep="\n", end="\n\n")
