"""The networks that --network and the flags beside it ask for."""

from sampan.cli.errors import OptionError
from sampan.cli.flags import Parsed
from sampan.cli.values.addresses import check_link, check_mac_address, is_ip
from sampan.containers.options import NetworkChoice
from sampan.errors import InvalidArgument

_KINDS = {
    "host": "host type networking",
    "none": "none type networking",
    "container": "container type network",
}
_BUILT_IN = ("bridge", "host", "none", "default")


def network_choices(parsed: Parsed) -> tuple[NetworkChoice, ...]:
    """All networks to start in; what the single flags say is about the first. Raises OptionError, InvalidArgument."""
    choices = parsed.items("network", NetworkChoice) or (NetworkChoice("bridge"),)
    if choices[0].name == "default":
        choices = (choices[0]._replace(name="bridge"), *choices[1:])
    if len(choices) > 1:
        _check_together(choices)
    first = _with_single_flags(choices[0], parsed)
    for choice in (first, *choices[1:]):
        check_mac_address(choice.mac_address)
    return (first, *choices[1:])


def _check_together(choices: tuple[NetworkChoice, ...]) -> None:
    names = [choice.name for choice in choices]
    if any(_is_mode(name) for name in names) and not all(_is_mode(name) for name in names):
        raise OptionError("conflicting options: cannot attach both user-defined and non-user-defined network-modes")
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f'network "{name}" is specified multiple times')
    if _is_mode(names[0]):
        raise OptionError("conflicting options: cannot attach to several of bridge, host, none and container:NAME")


def _is_mode(name: str) -> bool:
    return name in _BUILT_IN or name.startswith("container:")


def _with_single_flags(choice: NetworkChoice, parsed: Parsed) -> NetworkChoice:
    aliases, links, local = (parsed.strings(name) for name in ("network-alias", "link", "link-local-ip"))
    both = (
        (choice.aliases and aliases, "--network-alias and per-network alias"),
        (choice.ip and parsed.string("ip"), "--ip and per-network IPv4 address"),
        (choice.ip6 and parsed.string("ip6"), "--ip6 and per-network IPv6 address"),
        (choice.mac_address and parsed.string("mac-address"), "--mac-address and per-network MAC address"),
        (choice.link_local_ips and local, "--link-local-ip and per-network link-local IP addresses"),
    )
    for is_twice, what in both:
        if is_twice:
            raise OptionError(f"conflicting options: cannot specify both {what}")
    if (choice.aliases or aliases) and _is_mode(choice.name):
        raise OptionError("network-scoped aliases are only supported for user-defined networks")
    for text in links:
        check_link(text)
    for text in local:
        if not is_ip(text):
            raise OptionError(
                f'invalid argument "{text}" for "--link-local-ip" flag: IP address is not correctly formatted: {text}'
            )
    chosen = choice._replace(
        aliases=choice.aliases or aliases,
        ip=choice.ip or parsed.string("ip"),
        ip6=choice.ip6 or parsed.string("ip6"),
        mac_address=choice.mac_address or parsed.string("mac-address"),
        links=links,
        link_local_ips=choice.link_local_ips or local,
    )
    if choice.name in ("host", "none") or choice.name.startswith("container:"):
        return _without_place(chosen)
    return chosen


def _without_place(choice: NetworkChoice) -> NetworkChoice:
    """A choice of no network of the container's own. Raises InvalidArgument for what only a place in one can have."""
    if choice.links:
        kind = choice.name.partition(":")[0]
        raise InvalidArgument(
            f"conflicting options: {_KINDS[kind]} can't be used with links. This would result in undefined behavior"
        )
    if choice.ip6 or choice.link_local_ips:
        raise InvalidArgument(
            f"invalid config for network {choice.name}: invalid endpoint settings:\n"
            "user specified IP address is supported on user defined networks only"
        )
    return NetworkChoice(choice.name, ip=choice.ip, mac_address=choice.mac_address)
