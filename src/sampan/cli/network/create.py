"""`sampan network create`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, Parsed
from sampan.cli.kinds import BOOL, LABELS, MAP, SLICE, STRING
from sampan.cli.values.environment import labels
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument, NotFound, Unsupported
from sampan.networks import pools
from sampan.networks.creation import NetworkOptions

COMMAND = Command(
    arguments="[OPTIONS] NETWORK",
    summary="Make a network",
    examples=(
        Example("A network of its own for some containers", "network create front"),
        Example("With addresses of one's own choice", "network create --subnet 10.90.0.0/24 --gateway 10.90.0.1 back"),
        Example("One that leads nowhere else", "network create --internal inner"),
        Example("With IPv6", "network create --ipv6 dual"),
    ),
    flags=(
        Flag("attachable", BOOL, "Shown by inspect; containers may join any network by hand"),
        Flag("aux-address", MAP, "Address that no container gets, NAME=IP"),
        Flag("driver", STRING, "Driver of the network: bridge, macvlan or ipvlan", "d", default="bridge"),
        Flag("gateway", SLICE, "Address of the host in the network"),
        Flag("internal", BOOL, "Let nothing in or out"),
        Flag("ip-range", SLICE, "Part of the subnet that containers get addresses from"),
        Flag("ipam-driver", STRING, "Driver that gives addresses", default="default"),
        Flag("ipam-opt", MAP, "Option of that driver, KEY=VALUE"),
        Flag("ipv4", BOOL, "Give IPv4 addresses", default=True),
        Flag("ipv6", BOOL, "Give IPv6 addresses too"),
        Flag("label", LABELS, "Label, KEY=VALUE or KEY"),
        Flag("opt", MAP, "Option of the driver, KEY=VALUE", "o"),
        Flag("subnet", SLICE, "Addresses of the network, such as 10.90.0.0/24"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    options = network_options(invocation.parsed)
    network = Engine(invocation.settings.root or None).networks.create(invocation.arguments[0], options)
    print(network.id)
    return 0


def network_options(parsed: Parsed) -> NetworkOptions:
    """Raises ClientError for what docker's own command refuses, and what the engine would."""
    options = NetworkOptions(
        driver=parsed.string("driver"),
        subnets=parsed.strings("subnet"),
        gateways=parsed.strings("gateway"),
        ip_ranges=parsed.strings("ip-range"),
        aux_addresses=parsed.mapping("aux-address"),
        internal=parsed.boolean("internal"),
        attachable=parsed.boolean("attachable"),
        ipv6=parsed.boolean("ipv6"),
        labels=labels((), parsed.strings("label")),
        options=parsed.mapping("opt"),
        ipam_options=parsed.mapping("ipam-opt"),
    )
    try:
        pools.pair(options.subnets, options.gateways, options.ip_ranges, options.aux_addresses)
    except InvalidArgument as error:
        raise ClientError(error.message) from error
    if parsed.string("ipam-driver") != "default":
        raise NotFound(
            f'plugin "{parsed.string("ipam-driver")}" not found', hint="sampan knows the IPAM driver default"
        )
    if not parsed.boolean("ipv4"):
        if not options.ipv6:
            raise InvalidArgument("IPv4 or IPv6 must be enabled")
        raise Unsupported("a network without IPv4 is not supported by this version of sampan", hint="--ipv6 gives both")
    return options
