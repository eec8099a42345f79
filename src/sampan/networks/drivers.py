"""What the options of a network, and of a place in it, mean. Pure."""

from collections.abc import Mapping

from sampan.errors import InvalidArgument, NotFound, PermissionDenied, Unsupported
from sampan.networks import ipam

BRIDGE_NAME = "com.docker.network.bridge.name"
ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
HOST_ADDRESS = "com.docker.network.bridge.host_binding_ipv4"
MTU = "com.docker.network.driver.mtu"
INTERFACE_NAME = "com.docker.network.endpoint.ifname"
INTERFACE_SETTINGS = "com.docker.network.endpoint.sysctls"
PARENT = "parent"
SHARING = ("macvlan", "ipvlan")
"""The drivers without a bridge: containers share an interface of the host."""
_MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
_IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
_UNSUPPORTED = (
    "com.docker.network.bridge.inhibit_ipv4",
    "com.docker.network.bridge.trusted_host_interfaces",
    "com.docker.network.container_iface_prefix",
    "com.docker.network.host_ipv4",
    "com.docker.network.host_ipv6",
)
_GATEWAY_MODES = ("com.docker.network.bridge.gateway_mode_ipv4", "com.docker.network.bridge.gateway_mode_ipv6")
_LAYERS = ("ipv4", "ipv6", "mpls")
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")


def check(driver: str, options: Mapping[str, str]) -> None:
    """Raises NotFound (driver), PermissionDenied (host, null), InvalidArgument, Unsupported."""
    if driver in ("host", "null"):
        raise PermissionDenied(f'only one instance of "{driver}" network is allowed')
    if driver != "bridge" and driver not in SHARING:
        raise NotFound(f'plugin "{driver}" not found', hint="sampan knows the drivers bridge, macvlan and ipvlan")
    for key in _UNSUPPORTED:
        if key in options:
            raise Unsupported(f"the network option {key} is not supported by this version of sampan")
    for key in _GATEWAY_MODES:
        if options.get(key, "nat") != "nat":
            raise Unsupported(
                f"the network option {key}={options[key]} is not supported by this version of sampan",
                hint="published ports are translated: nat",
            )
    for key in (ICC, MASQUERADE):
        if options.get(key, "true").lower() not in _TRUE + _FALSE:
            raise InvalidArgument(
                f'failed to parse {key} value: {options[key]} (strconv.ParseBool: parsing "{options[key]}":'
                " invalid syntax)",
                hint=f"-o {key}=false",
            )
    mtu(options)
    host_address(options)
    if driver in SHARING:
        mode(driver, options)


def interface_name(options: Mapping[str, str]) -> str:
    """What a container's interface is to be called, "" for the next of eth0, eth1... Raises InvalidArgument."""
    name = options.get(INTERFACE_NAME, "")
    if name and (len(name) > 15 or name in (".", "..") or any(c in "/:" or c.isspace() for c in name)):
        raise InvalidArgument(
            f"invalid interface name {name}: {INTERFACE_NAME}", hint="at most 15 characters, no / or :"
        )
    return name


def interface_settings(options: Mapping[str, str], name: str) -> list[tuple[str, str]]:
    """Sysctls of a container's interface: (path below /proc/sys, value). Raises InvalidArgument."""
    found = []
    for text in filter(None, options.get(INTERFACE_SETTINGS, "").split(",")):
        key, equals, value = text.partition("=")
        parts = key.strip().split(".")
        is_plain = all(part.replace("_", "").isalnum() and part.isascii() for part in parts)
        if (
            not equals
            or len(parts) != 5
            or parts[0] != "net"
            or parts[1] not in _LAYERS
            or parts[3] != "IFNAME"
            or not is_plain
        ):
            raise InvalidArgument(
                f"unrecognised network interface sysctl '{text}'; represent 'net.X.Y.ethN.Z=V' as"
                " 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'"
            )
        found.append(("/".join((*parts[:3], name, parts[4])), value.strip()))
    return found


def is_on(options: Mapping[str, str], key: str) -> bool:
    """ICC and MASQUERADE are on unless they are switched off."""
    return options.get(key, "true").lower() in _TRUE


def host_address(options: Mapping[str, str]) -> str:
    """The host's address that ports are published on which name none, "" for all. Raises InvalidArgument."""
    text = options.get(HOST_ADDRESS, "")
    try:
        return "" if not text or ipam.parse_address(text) == 0 else text
    except InvalidArgument as error:
        raise InvalidArgument(
            f"failed to parse {HOST_ADDRESS} value: {text} (nil ip)", hint=f"-o {HOST_ADDRESS}=127.0.0.1"
        ) from error


def mtu(options: Mapping[str, str]) -> int:
    """Bytes, 0 for the kernel's own choice. Raises InvalidArgument."""
    text = options.get(MTU, "")
    if text in ("", "0"):
        return 0
    if not (text.isascii() and text.isdigit()):
        raise InvalidArgument(
            f'failed to parse {MTU} value: {text} (strconv.Atoi: parsing "{text}": invalid syntax)',
            hint=f"-o {MTU}=1400",
        )
    if not 68 <= int(text) <= 65535:
        raise InvalidArgument(f"invalid argument: {MTU}={text}", hint="68 to 65535 bytes, 1280 at least for IPv6")
    return int(text)


def mode(driver: str, options: Mapping[str, str]) -> int:
    """The kernel's number for the mode of a macvlan or ipvlan network. Raises InvalidArgument, Unsupported."""
    modes, usual = (_MACVLAN_MODES, "bridge") if driver == "macvlan" else (_IPVLAN_MODES, "l2")
    text = options.get(f"{driver}_mode") or usual
    if text not in modes:
        raise InvalidArgument(
            f"requested {driver} mode '{text}' is not valid, '{usual}' mode is the {driver} driver default"
        )
    if text in ("l3", "l3s"):
        raise Unsupported(
            f"ipvlan_mode={text} is not supported by this version of sampan", hint="l2, with a gateway on the wire"
        )
    return modes[text]
