"""`sampan volume prune`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.kinds import BOOL, read_bool
from sampan.cli.question import confirmed
from sampan.cli.views.container_filters import gather
from sampan.cli.views.filters import check_filters
from sampan.cli.views.pruned import dry_run_flag, section, sized, total
from sampan.engine.engine import Engine
from sampan.engine.pruning import accepting
from sampan.errors import InvalidArgument

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove volumes that no container uses",
    examples=(
        Example("Those with a name too", "volume prune -a"),
        Example("See first what would go", "volume prune -a --dry-run"),
    ),
    flags=(
        Flag("all", BOOL, "Remove named volumes too", "a"),
        dry_run_flag(),
        filter_flag(""),
        force_flag(),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    all_given, dry_run = parsed.boolean("all"), parsed.boolean("dry-run")
    if all_given and "all" in filters:
        raise ClientError("conflicting options: cannot specify both --all and --filter all=1")
    what = "all local volumes" if all_given else "anonymous local volumes"
    warning = f"This will remove {what} not used by at least one container."
    if not confirmed(warning, force=parsed.boolean("force") or dry_run):
        return 0
    check_filters(filters, ("all", "label", "label!"))
    removed = Engine(invocation.settings.root or None).volumes.prune(
        include_named=all_given or any(_truth(value) for value in filters.get("all", ())),
        accept=accepting(filters),
        dry_run=dry_run,
    )
    print(section("Deleted Volumes", sized(removed, dry_run=dry_run), dry_run=dry_run), end="")
    print(total(sum(size for _, size in removed), dry_run=dry_run), end="")
    return 0


def _truth(value: str) -> bool:
    try:
        return read_bool(value)
    except ValueError:
        raise InvalidArgument(
            f"invalid filter 'all': strconv.ParseBool: parsing \"{value}\": invalid syntax", hint="true or false"
        ) from None
