"""Addresses and host names in options: --dns, --add-host, --ip, --mac-address, --network."""

import re  # patterns are compiled on first use, not on the way to every start

from sampan.cli.errors import OptionError
from sampan.cli.values.fields import split_fields, split_pair
from sampan.containers.options import NetworkChoice

_IPV4 = r"(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})"
_MAC = r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}"
_DOMAIN = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"


def is_ip(text: str) -> bool:
    """Whether Go's net.ParseIP reads it."""
    match = re.fullmatch(_IPV4, text)
    if match is not None:
        return all(int(part) < 256 for part in match.groups())
    if ":" not in text or "%" in text:
        return False
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def read_ip(text: str) -> str:
    """A --dns address."""
    if not is_ip(text.strip()):
        raise ValueError(f"IP address is not correctly formatted: {text}")
    return text.strip()


def read_search_domain(text: str) -> str:
    """A --dns-search domain; "." empties the list."""
    stripped = text.strip(" ")
    if stripped == "." or (len(stripped) <= 255 and re.fullmatch(_DOMAIN, stripped)):
        return stripped
    raise ValueError(f"{text} is not a valid domain")


def read_extra_host(text: str) -> str:
    """--add-host NAME:IP, NAME=IP or NAME:[IPV6], as "name:ip"; the IP may be "host-gateway"."""
    name, separator, ip = text.partition("=") if "=" in text else text.partition(":")
    if not separator or not name:
        raise ValueError(f'bad format for add-host: "{text}"')
    ip = ip[1:-1] if ip.startswith("[") and ip.endswith("]") else ip
    if ip != "host-gateway" and not is_ip(ip):
        raise ValueError(f'invalid IP address in add-host: "{ip}"')
    return f"{name}:{ip}"


def check_mac_address(text: str) -> str:
    """Raises OptionError."""
    if text and not re.fullmatch(_MAC, text):
        raise OptionError(f"{text} is not a valid mac address")
    return text


def check_link(text: str) -> None:
    """A --link NAME[:ALIAS]. Raises OptionError."""
    _, colon, alias = text.partition(":")
    if ":" in alias or (colon and not alias) or any(character.isspace() for character in text):
        raise OptionError(f'invalid argument "{text}" for "--link" flag: bad format for links: {text}')


def read_driver_option(text: str) -> tuple[str, str]:
    """One driver-opt, KEY=VALUE, as (key, value). Raises OptionError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise OptionError(f"invalid key value pair format in driver options: {text}")
    return key.strip(), value.strip()


def read_network(text: str) -> NetworkChoice:
    """NAME or name=NAME,alias=A,ip=IP,... Raises ValueError."""
    if "=" not in text:
        return NetworkChoice(text)
    choice = NetworkChoice("")
    for field in split_fields(text):
        key, value, equals = split_pair(field)
        if not equals:
            raise ValueError(f"invalid field {field}")
        choice = _with_field(choice, key, value)
    if not choice.name:
        raise ValueError("network name/id is not specified")
    return choice


def _with_field(choice: NetworkChoice, key: str, value: str) -> NetworkChoice:
    if key == "name":
        return choice._replace(name=value)
    if key == "ip":
        return choice._replace(ip=value)
    if key == "ip6":
        return choice._replace(ip6=value)
    if key == "alias":
        return choice._replace(aliases=(*choice.aliases, value))
    if key == "mac-address":
        return choice._replace(mac_address=value)
    if key == "link-local-ip":
        if not is_ip(value):
            raise ValueError(f"invalid link-local IP address: {value}")
        return choice._replace(link_local_ips=(*choice.link_local_ips, value))
    if key == "driver-opt":
        name, equals, setting = value.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"invalid key value pair format in driver options: {value}")
        return choice._replace(driver_options={**choice.driver_options, name.strip(): setting.strip()})
    if key == "gw-priority":
        if not value.removeprefix("-").isdecimal():
            raise ValueError(f"invalid gw-priority ({value}): must be a number")
        return choice._replace(gateway_priority=int(value))
    raise ValueError(f"invalid field key {key}")
