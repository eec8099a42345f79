"""`sampan image prune`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.image.rm import removal_lines
from sampan.cli.kinds import BOOL
from sampan.cli.question import confirmed
from sampan.cli.views.container_filters import gather
from sampan.cli.views.pruned import dry_run_flag, section, total
from sampan.engine.engine import Engine
from sampan.images.removal import Removed

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove images that nothing uses",
    examples=(
        Example("Also those that have a name", "image prune -a"),
        Example("See first what would go", "image prune -a --dry-run"),
    ),
    flags=(
        Flag("all", BOOL, "Remove named images too that no container uses", "a"),
        dry_run_flag(),
        filter_flag(""),
        force_flag(),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    all_unused, dry_run = parsed.boolean("all"), parsed.boolean("dry-run")
    what = "images without at least one container associated to them" if all_unused else "dangling images"
    if not confirmed(f"This will remove all {what}.", force=parsed.boolean("force") or dry_run):
        return 0
    pruned = Engine(invocation.settings.root or None).images.prune(
        all_unused=all_unused, filters=filters, dry_run=dry_run
    )
    print(section("Deleted Images", image_lines(pruned.removed), dry_run=dry_run), end="")
    print(total(pruned.bytes, dry_run=dry_run), end="")
    return 0


def image_lines(removed: Removed) -> list[str]:
    """One line for each name and image, in the small letters that a prune has."""
    return [
        f"{word.lower()}:{rest}"
        for word, _, rest in (line.partition(":") for line in removal_lines(removed).splitlines())
    ]
