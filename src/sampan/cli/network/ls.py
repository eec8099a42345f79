"""`sampan network ls`."""

from collections.abc import Callable

from sampan.cli import client_config
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import filter_flag, format_flag, no_trunc_flag, quiet_flag
from sampan.cli.format import render
from sampan.cli.kinds import read_bool
from sampan.cli.views import networks
from sampan.cli.views.container_filters import Filters, gather
from sampan.cli.views.filters import check_filters, has_label
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.networks.store import Network

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="List networks",
    examples=(Example("Those one made oneself", "network ls --filter type=custom"),),
    flags=(
        filter_flag(),
        format_flag(),
        no_trunc_flag(),
        quiet_flag(),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    filters = gather(parsed.pairs("filter"))
    _check(filters)
    engine = Engine(invocation.settings.root or None)
    found = [network for network in engine.networks.list() if _passes(engine, network, filters)]
    no_trunc = parsed.boolean("no-trunc")
    if parsed.boolean("quiet"):
        for network in found:
            print(network.id if no_trunc else network.id[:12])
        return 0
    rows = [
        networks.row(
            networks.NetworkFacts(
                network.id,
                network.name,
                network.driver,
                network.created_at,
                ipv6=bool(network.subnet6),
                internal=network.internal,
                labels=network.labels,
            ),
            no_trunc,
        )
        for network in found
    ]
    form = client_config.list_format(parsed.string("format"), invocation.settings, "networksFormat")
    print(render(networks.LISTING, rows, form), end="")
    return 0


def _check(filters: Filters) -> None:
    """Raises InvalidArgument in docker's words."""
    check_filters(filters, ("dangling", "driver", "id", "label", "name", "scope", "type"))
    for value in filters.get("dangling", ()):
        if value.lower() not in ("true", "1", "t", "false", "0", "f"):
            raise InvalidArgument('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")')
    for value in filters.get("type", ()):
        if value not in ("builtin", "custom"):
            raise InvalidArgument(f"invalid filter: 'type'='{value}'", hint="builtin or custom")


def _passes(engine: Engine, network: Network, filters: Filters) -> bool:
    built_in = network.name in ("bridge", "host", "none")
    tests: dict[str, Callable[[str], bool]] = {
        "driver": lambda value: network.driver == value,
        "id": lambda value: value in network.id,
        "name": lambda value: value in network.name,
        "scope": lambda value: value == "local",
        "type": lambda value: value == ("builtin" if built_in else "custom"),
        "dangling": lambda value: read_bool(value) == (not built_in and not engine.networks.endpoints(network)),
        "label": lambda value: has_label(network.labels, value),
    }
    return all(
        (all if key == "label" else any)(tests[key](value) for value in values) for key, values in filters.items()
    )
