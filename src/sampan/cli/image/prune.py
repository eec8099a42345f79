"""`sampan image prune`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.image.rm import removal_lines
from sampan.cli.kinds import BOOL
from sampan.cli.output import human_size
from sampan.cli.question import confirmed
from sampan.cli.views.container_filters import gather
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove images that nothing uses",
    examples=(Example("Also those that have a name", "image prune -a"),),
    flags=(
        Flag("all", BOOL, "Remove named images too that no container uses", "a"),
        Flag("dry-run", BOOL, "Only show what would be removed"),
        filter_flag(""),
        force_flag(),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    all_unused = parsed.boolean("all")
    what = "images without at least one container associated to them" if all_unused else "dangling images"
    is_dry = parsed.boolean("dry-run")
    if not is_dry and not confirmed(f"This will remove all {what}.", force=parsed.boolean("force"), filters=filters):
        return 0
    pruned = Engine(invocation.settings.root or None).images.prune(
        all_unused=all_unused, filters=filters, dry_run=is_dry
    )
    if pruned.removed:
        print("Would Delete Images:" if is_dry else "Deleted Images:")
        print(removal_lines(pruned.removed).replace("Untagged:", "untagged:").replace("Deleted:", "deleted:"))
    total = "Total space that would be reclaimed" if is_dry else "Total reclaimed space"
    print(f"{total}: {human_size(pruned.bytes)}")
    return 0
