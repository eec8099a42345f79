"""`sampan registry gc`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.kinds import BOOL
from sampan.cli.output import human_size
from sampan.cli.registry.store import STORE_WORDS, collect_flags, collect_options, counted, store_of
from sampan.engine.registry_store import collect, open_medium

COMMAND = Command(
    arguments=f"[OPTIONS] {STORE_WORDS}",
    summary="Remove what nothing in a registry refers to, also while it is in use",
    examples=(
        Example("What would go", "registry gc --dry-run /srv/registry"),
        Example("Manifests without a tag too", "registry gc --untagged /srv/registry"),
    ),
    flags=(
        Flag("dry-run", BOOL, "Remove nothing, and say what would be removed"),
        *collect_flags(),
        quiet_flag("Print nothing"),
    ),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    is_dry_run = parsed.boolean("dry-run")
    report = collect(open_medium(store_of(invocation.arguments)), collect_options(parsed, is_dry_run=is_dry_run))
    if report is None:
        raise ClientError("another collection of this registry is at work")
    if parsed.boolean("quiet"):
        return 0
    for name in (*report.manifests, *report.blobs):
        print(f"{'would remove' if is_dry_run else 'removed'} {name}")
    parts = [counted(len(report.manifests), "manifest"), counted(len(report.blobs), "blob")]
    parts.append(counted(report.uploads, "upload"))
    print(f"{', '.join(parts)}: {human_size(report.freed_bytes)} {'would be freed' if is_dry_run else 'freed'}")
    return 0
