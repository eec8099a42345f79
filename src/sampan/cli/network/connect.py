"""`sampan network connect`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import INT, LIST, SLICE, STRING
from sampan.cli.values.addresses import check_link, is_ip, read_driver_option
from sampan.containers.options import NetworkChoice
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] NETWORK CONTAINER",
    summary="Let a container be in another network, also while it runs",
    examples=(
        Example("Under another name too", "network connect --alias db back postgres"),
        Example("With an address of its own choice", "network connect --ip 10.90.0.10 back postgres"),
    ),
    flags=(
        Flag("alias", SLICE, "Other name of the container within the network"),
        Flag("driver-opt", SLICE, "Option of the network's driver, KEY=VALUE"),
        Flag("gw-priority", INT, "The network with the highest number is the way to everywhere"),
        Flag("ip", STRING, "IPv4 address, such as 172.30.100.104"),
        Flag("ip6", STRING, "IPv6 address, such as 2001:db8::33"),
        Flag("link", LIST, "Another name, for this container alone, of another one in the network, NAME[:ALIAS]"),
        Flag("link-local-ip", SLICE, "Link-local address for the container"),
    ),
    takes=(2, 2),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    for text in parsed.strings("link-local-ip"):
        if not is_ip(text):
            raise ClientError(
                f'invalid argument "{text}" for "--link-local-ip" flag: invalid string being converted'
                f" to IP address: {text}"
            )
    for text in parsed.strings("link"):
        check_link(text)
    choice = NetworkChoice(
        "",
        aliases=parsed.strings("alias"),
        ip=parsed.string("ip"),
        ip6=parsed.string("ip6"),
        links=parsed.strings("link"),
        link_local_ips=parsed.strings("link-local-ip"),
        driver_options=dict(read_driver_option(text) for text in parsed.strings("driver-opt")),
        gateway_priority=parsed.integer("gw-priority"),
    )
    network, container = invocation.arguments
    Engine(invocation.settings.root or None).networks.connect(network, container, choice)
    return 0
