"""`sampan volume prune`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.kinds import BOOL, read_bool
from sampan.cli.output import human_size
from sampan.cli.question import confirmed
from sampan.cli.views.container_filters import gather
from sampan.cli.views.filters import check_filters, has_label
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove volumes that no container uses",
    examples=(Example("Those with a name too", "volume prune -a"),),
    flags=(
        Flag("all", BOOL, "Remove named volumes too", "a"),
        filter_flag(""),
        force_flag(),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    check_filters(filters, ("all", "label"))
    named = parsed.boolean("all") or any(read_bool(value) for value in filters.get("all", ()))
    what = "all local volumes" if named else "anonymous local volumes"
    if not confirmed(
        f"This will remove {what} not used by at least one container.", force=parsed.boolean("force"), filters=filters
    ):
        return 0
    wanted = filters.get("label", ())
    removed = Engine(invocation.settings.root or None).volumes.prune(
        include_named=named, accept=lambda labels: all(has_label(labels, value) for value in wanted)
    )
    if removed:
        print("Deleted Volumes:")
        print("".join(f"{name}\n" for name, _ in removed))
    print(f"Total reclaimed space: {human_size(sum(size for _, size in removed))}")
    return 0
