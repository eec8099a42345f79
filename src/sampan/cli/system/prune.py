"""`sampan system prune`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, force_flag
from sampan.cli.image.prune import image_lines
from sampan.cli.kinds import BOOL
from sampan.cli.question import confirmed
from sampan.cli.views.container_filters import gather
from sampan.cli.views.pruned import dry_run_flag, section, sized, total
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Remove containers, networks, images and build results that nothing uses",
    examples=(
        Example("See first what would go, and how much that frees", "system prune -a --volumes --dry-run"),
        Example("What is older than a week, without a question", "system prune -f --filter until=168h"),
    ),
    flags=(
        Flag("all", BOOL, "Remove all images that no container uses, and all of the build cache", "a"),
        dry_run_flag(),
        filter_flag(""),
        force_flag(),
        Flag("volumes", BOOL, "Remove anonymous volumes too"),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    all_unused, volumes, dry_run = (parsed.boolean(name) for name in ("all", "volumes", "dry-run"))
    if volumes and "until" in filters:
        print('ERROR: The "until" filter is not supported with "--volumes"', file=sys.stderr)
        return 1
    warning = _warning(all_unused, volumes) + ("" if filters else "\n")
    if not confirmed(warning, filters=filters, force=parsed.boolean("force") or dry_run):
        return 0
    pruned = Engine(invocation.settings.root or None).system.prune(
        all_unused=all_unused, include_volumes=volumes, filters=filters, dry_run=dry_run
    )
    for heading, lines in (
        ("Deleted Containers", sized(pruned.containers, dry_run=dry_run)),
        ("Deleted Networks", list(pruned.networks)),
        ("Deleted Volumes", sized(pruned.volumes, dry_run=dry_run)),
        ("Deleted Images", image_lines(pruned.images)),
        ("Deleted build cache objects", [entry.id for entry in pruned.cache]),
    ):
        print(section(heading, lines, dry_run=dry_run), end="")
    print(total(pruned.bytes, dry_run=dry_run), end="")
    return 0


def _warning(all_unused: bool, volumes: bool) -> str:
    kinds = [
        "all stopped containers",
        "all networks not used by at least one container",
        *(["all anonymous volumes not used by at least one container"] if volumes else ()),
        "all images without at least one container associated to them" if all_unused else "all dangling images",
        "all build cache" if all_unused else "unused build cache",
    ]
    return "\n".join(["This will remove:", *(f"  - {kind}" for kind in kinds)])
