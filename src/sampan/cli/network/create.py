"""`sampan network create`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, refuse
from sampan.cli.kinds import BOOL, LABELS, MAP, SLICE, STRING
from sampan.cli.values.environment import labels
from sampan.engine.engine import Engine
from sampan.errors import Unsupported
from sampan.networks.creation import NetworkOptions

COMMAND = Command(
    arguments="[OPTIONS] NETWORK",
    summary="Make a network",
    examples=(Example("A network of its own for some containers", "network create front"),),
    flags=(
        Flag("attachable", BOOL, "Accepted for docker's sake, without effect"),
        Flag("aux-address", MAP, "Address that no container gets, NAME=IP"),
        Flag("driver", STRING, "Driver of the network", "d", default="bridge"),
        Flag("gateway", SLICE, "Address of the host in the network"),
        Flag("internal", BOOL, "Let nothing in or out"),
        Flag("ip-range", SLICE, "Part of the subnet that containers get addresses from"),
        Flag("ipam-driver", STRING, "Driver that gives addresses", default="default"),
        Flag("ipam-opt", MAP, "Option of that driver, KEY=VALUE"),
        Flag("ipv4", BOOL, "Give IPv4 addresses", default=True),
        Flag("ipv6", BOOL, "Give IPv6 addresses"),
        Flag("label", LABELS, "Label, KEY=VALUE or KEY"),
        Flag("opt", MAP, "Option of the driver, KEY=VALUE", "o"),
        Flag("subnet", SLICE, "Addresses of the network, such as 10.90.0.0/24"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    if parsed.strings("ip-range") and not parsed.strings("subnet"):
        raise ClientError("every ip-range or gateway must have a corresponding subnet")
    refuse(parsed, "aux-address", "ip-range", "ipam-opt")
    if parsed.boolean("ipv6") or not parsed.boolean("ipv4"):
        raise Unsupported("networks have IPv4 addresses, and no IPv6 ones, in this version of sampan")
    if parsed.string("ipam-driver") != "default":
        raise Unsupported(f"the IPAM driver {parsed.string('ipam-driver')} is not supported")
    subnets, gateways = parsed.strings("subnet"), parsed.strings("gateway")
    if len(subnets) > 1 or len(gateways) > 1:
        raise Unsupported("a network has one subnet and one gateway")
    _check_gateway(subnets, gateways)
    engine = Engine(invocation.settings.root or None)
    network = engine.networks.create(
        invocation.arguments[0],
        NetworkOptions(
            driver=parsed.string("driver"),
            subnets=subnets,
            gateways=gateways,
            internal=parsed.boolean("internal"),
            labels=labels((), parsed.strings("label")),
            options=parsed.mapping("opt"),
        ),
    )
    print(network.id)
    return 0


def _check_gateway(subnets: tuple[str, ...], gateways: tuple[str, ...]) -> None:
    """Raises ClientError for a gateway outside of the subnet; malformed ones are the engine's to refuse."""
    import ipaddress

    if gateways and not subnets:
        raise ClientError("every ip-range or gateway must have a corresponding subnet")
    try:
        fits = not gateways or ipaddress.ip_address(gateways[0]) in ipaddress.ip_network(subnets[0], strict=False)
    except ValueError:
        return
    if not fits:
        raise ClientError(f"no matching subnet for gateway {gateways[0]}")
