"""`sampan buildx du`."""

import time

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, format_flag
from sampan.cli.format import Listing, render
from sampan.cli.kinds import BOOL, STRING
from sampan.cli.output import human_size
from sampan.cli.views.cache import details, rows
from sampan.cli.views.container_filters import gather
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="Show how much room results of build steps take",
    examples=(Example("Those that images have too", "buildx du --filter shared=true"),),
    flags=(
        Flag("builder", STRING, "", hidden=True),
        filter_flag(""),
        format_flag(),
        Flag("timeout", STRING, "", hidden=True),
        Flag("verbose", BOOL, "Show all that is known of each"),
    ),
)
_LISTING = Listing(
    type_name="*commands.duContext",
    headers={"ID": "ID", "Reclaimable": "RECLAIMABLE", "Size": "SIZE", "LastUsedAt": "LAST ACCESSED"},
    columns=("ID", "Reclaimable", "Size", "LastUsedAt"),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    entries = Engine(invocation.settings.root or None).system.build_cache(gather(parsed.pairs("filter")))
    entries = sorted(entries, key=lambda entry: (entry.size, entry.id))
    form = parsed.string("format")
    if parsed.boolean("verbose") and not form:
        print(details(entries, time.time_ns()), end="")
    else:
        print(render(_LISTING, rows(entries, time.time_ns()), form), end="")
    if form:
        return 0
    shared = sum(entry.size for entry in entries if entry.is_shared)
    total = sum(entry.size for entry in entries)
    if shared:
        print(f"Shared:\t\t{human_size(shared)}\nPrivate:\t{human_size(total - shared)}")
    reclaimable = sum(entry.size for entry in entries if not entry.is_used)
    print(f"Reclaimable:\t{human_size(reclaimable)}\nTotal:\t\t{human_size(total)}")
    return 0
