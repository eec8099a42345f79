"""`sampan builder prune` and `sampan buildx prune`."""

import time

from sampan.builder.cache.pruning import Limits
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.kinds import BOOL, BYTES, STRING
from sampan.cli.output import human_size
from sampan.cli.question import says_yes
from sampan.cli.views.cache import details, table
from sampan.cli.views.container_filters import gather
from sampan.cli.views.pruned import dry_run_flag
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove results of build steps",
    examples=(
        Example("What no build used for a week", "builder prune -f --filter until=168h"),
        Example("All but the newest gigabyte", "builder prune -af --reserved-space 1gb"),
    ),
    flags=(
        Flag("all", BOOL, "Also those whose layers images or containers have", "a"),
        Flag("builder", STRING, "", hidden=True),
        dry_run_flag(),
        filter_flag(""),
        force_flag(),
        Flag("keep-storage", BYTES, "", sets="reserved-space", hidden=True),
        Flag("max-used-space", BYTES, "Remove what is more than this"),
        Flag("min-free-space", BYTES, "Remove until so much of the disk is free"),
        Flag("reserved-space", BYTES, "Keep so much, what was used last"),
        Flag("timeout", STRING, "", hidden=True),
        Flag("verbose", BOOL, "Show where each result comes from"),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    all_unused, dry_run = parsed.boolean("all"), parsed.boolean("dry-run")
    what = "all build cache" if all_unused else "all dangling build cache"
    question = f"This will remove {what}. Are you sure you want to continue?"
    if not says_yes(question, force=parsed.boolean("force") or dry_run):
        return 0
    pruned = Engine(invocation.settings.root or None).system.prune_cache(
        all_unused=all_unused,
        filters=filters,
        limits=Limits(
            kept=parsed.integer("reserved-space"),
            used=parsed.integer("max-used-space"),
            free=parsed.integer("min-free-space"),
        ),
        dry_run=dry_run,
    )
    show = details if parsed.boolean("verbose") else table
    print(show(pruned.removed, time.time_ns()), end="")
    exact = f" ({pruned.bytes} bytes)" if dry_run else ""
    print(f"{'Would free' if dry_run else 'Total'}:\t{human_size(pruned.bytes)}{exact}")
    return 0
