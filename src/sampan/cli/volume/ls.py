"""`sampan volume ls`."""

from collections.abc import Callable

from sampan.cli import client_config
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, format_flag, quiet_flag, refuse
from sampan.cli.format import render
from sampan.cli.kinds import BOOL, read_bool
from sampan.cli.views import volumes
from sampan.cli.views.container_filters import Filters, gather
from sampan.cli.views.filters import check_filters, has_label
from sampan.engine.engine import Engine
from sampan.engine.volumes import labels_of
from sampan.errors import InvalidArgument
from sampan.volumes.store import Volume

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="List volumes",
    examples=(Example("Those that no container uses", "volume ls --filter dangling=true"),),
    flags=(
        Flag("cluster", BOOL, "", hidden=True),
        filter_flag(),
        format_flag(),
        quiet_flag("Print only names"),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    refuse(parsed, "cluster")
    filters = gather(parsed.pairs("filter"))
    check_filters(filters, ("dangling", "driver", "label", "name"))
    for value in filters.get("dangling", ()):
        _truth(value)
    engine = Engine(invocation.settings.root or None)
    found = [volume for volume in engine.volumes.list() if _passes(engine, volume, filters)]
    if parsed.boolean("quiet"):
        for volume in found:
            print(volume.name)
        return 0
    rows = [
        volumes.row(volumes.VolumeFacts(volume.name, volume.mountpoint, volume.driver, labels=labels_of(volume)))
        for volume in found
    ]
    form = client_config.list_format(parsed.string("format"), invocation.settings, "volumesFormat")
    print(render(volumes.LISTING, rows, form), end="")
    return 0


def _passes(engine: Engine, volume: Volume, filters: Filters) -> bool:
    tests: dict[str, Callable[[str], bool]] = {
        "driver": lambda value: volume.driver == value,
        "name": lambda value: value in volume.name,
        "dangling": lambda value: _truth(value) == (not engine.volumes.users(volume.name)),
        "label": lambda value: has_label(labels_of(volume), value),
    }
    return all(any(tests[key](value) for value in values) for key, values in filters.items())


def _truth(value: str) -> bool:
    try:
        return read_bool(value)
    except ValueError:
        raise InvalidArgument(f"invalid filter 'dangling=[{value}]'", hint="true or false") from None
