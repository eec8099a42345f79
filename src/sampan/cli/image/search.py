"""`sampan search`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, format_flag
from sampan.cli.format import Listing, Row, render
from sampan.cli.kinds import BOOL, INT, read_bool, read_integer
from sampan.cli.output import ellipsis
from sampan.cli.views.container_filters import gather
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.registry.search import Hit

_DEFAULT_LIMIT = 25
_DESCRIPTION = 45

COMMAND = Command(
    arguments="[OPTIONS] [HOST/]TERM",
    summary="Look for images on Docker Hub, or in another registry by name",
    examples=(
        Example("Official ones", "search --filter is-official=true python"),
        Example("In a registry of one's own", "search localhost:5000/web"),
    ),
    flags=(
        filter_flag(),
        format_flag(),
        Flag("limit", INT, "At most so many, 1 to 100", default=0, shown_default="25"),
        Flag("no-trunc", BOOL, "Show whole descriptions"),
    ),
    takes=(1, 1),
)

LISTING = Listing(
    type_name="*formatter.searchContext",
    headers={
        "Name": "NAME",
        "Description": "DESCRIPTION",
        "StarCount": "STARS",
        "IsOfficial": "OFFICIAL",
        "IsAutomated": "AUTOMATED",
    },
    columns=("Name", "Description", "StarCount", "IsOfficial"),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    limit = parsed.integer("limit") or _DEFAULT_LIMIT
    if not 1 <= limit <= 100:
        raise InvalidArgument(f"limit {limit} is outside the range of [1, 100]")
    filters = gather(parsed.pairs("filter"))
    _check(filters)
    registries = Engine(invocation.settings.root or None).registries(invocation.settings.config)
    found = [hit for hit in registries.search(invocation.arguments[0], limit) if _matches(hit, filters)]
    rows = [_row(hit, parsed.boolean("no-trunc")) for hit in found]
    print(render(LISTING, rows, parsed.string("format"), LISTING.columns), end="")
    return 0


def _check(filters: dict[str, list[str]]) -> None:
    for key, values in filters.items():
        if key not in ("is-official", "is-automated", "stars"):
            raise InvalidArgument(f"invalid filter '{key}'")
        for value in values:
            try:
                read_integer(value) if key == "stars" else read_bool(value)
            except ValueError:
                raise InvalidArgument(f"invalid filter '{key}={value}'") from None


def _matches(hit: Hit, filters: dict[str, list[str]]) -> bool:
    return (
        all(hit.is_official == read_bool(value) for value in filters.get("is-official", ()))
        and all(hit.is_automated == read_bool(value) for value in filters.get("is-automated", ()))
        and all(hit.stars >= read_integer(value) for value in filters.get("stars", ()))
    )


def _row(hit: Hit, no_trunc: bool) -> Row:
    description = " ".join(hit.description.split())
    return {
        "Name": hit.name,
        "Description": description if no_trunc else ellipsis(description, _DESCRIPTION),
        "StarCount": str(hit.stars),
        "IsOfficial": "[OK]" if hit.is_official else "",
        "IsAutomated": "[OK]" if hit.is_automated else "",
    }
