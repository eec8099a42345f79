"""-p / --publish and --expose.

publish = [ip ":"] [host ["-" host] ":"] container ["-" container] ["/" protocol]
        | "target=" PORT ["," "published=" PORT] ["," "protocol=" NAME] ["," "host_ip=" IP]
"""

from sampan.cli.errors import OptionError
from sampan.cli.kinds import read_uint16
from sampan.cli.values.addresses import is_ip
from sampan.cli.values.fields import split_fields, split_pair
from sampan.containers.options import PortBinding

PROTOCOLS = ("tcp", "udp", "sctp")


def read_publish(text: str) -> tuple[PortBinding, ...]:
    """The bindings of one -p, one for each container port. Raises OptionError in docker's words."""
    if "=" in text:
        text = _short_form(text)
    ip, host, container = _split(text)
    container, protocol = _protocol(container)
    if ip and not is_ip(ip):
        raise OptionError(f"invalid IP address: {ip}")
    if not container:
        raise OptionError(f"no port specified: {text}<empty>")
    first, last = _range(container, "containerPort")
    if protocol not in PROTOCOLS:
        raise OptionError(f"invalid proto: {protocol}")
    if not host:
        return tuple(PortBinding(port, protocol, ip) for port in range(first, last + 1))
    first_host, last_host = _range(host, "hostPort")
    if last - first == last_host - first_host:
        return tuple(PortBinding(port, protocol, ip, first_host + port - first) for port in range(first, last + 1))
    if first != last:
        raise OptionError(f"invalid ranges specified for container and host Ports: {container} and {host}")
    return (PortBinding(first, protocol, ip, first_host, last_host),)


def _split(text: str) -> tuple[str, str, str]:
    rest, _, container = text.rpartition(":")
    ip, _, host = rest.rpartition(":")
    if ip.startswith("["):
        if not ip.endswith("]"):
            raise OptionError(f"invalid IP address {ip}: address {ip}:: missing ']' in address")
        ip = ip[1:-1]
    return ip, host, container


def _protocol(container: str) -> tuple[str, str]:
    port, _, protocol = container.partition("/")
    return port, protocol.lower() or "tcp"


def read_port_range(text: str) -> tuple[int, int]:
    """ "80" or "80-82". Raises ValueError."""
    first, dash, last = text.partition("-")
    low = read_uint16(first)
    high = read_uint16(last) if dash else low
    if high < low:
        raise ValueError(f"invalid range specified for port: {text}")
    return low, high


def _range(text: str, what: str) -> tuple[int, int]:
    try:
        return read_port_range(text)
    except ValueError:
        raise OptionError(f"invalid {what}: {text}") from None


def _short_form(text: str) -> str:
    """The long form of -p, which is written as fields, in the short form."""
    fields = {"protocol": "tcp", "published": "", "target": "", "host_ip": ""}
    for field in _fields(text):
        key, value, equals = split_pair(field)
        if not equals:
            raise OptionError(f"invalid field: {field}")
        if key == "mode":
            continue
        if key not in fields:
            raise OptionError(f"invalid field key: {key}")
        fields[key] = value
    return f"{fields['host_ip']}:{fields['published']}:{fields['target']}/{fields['protocol']}"


def _fields(text: str) -> list[str]:
    try:
        return split_fields(text)
    except ValueError as problem:
        raise OptionError(str(problem)) from None


def read_expose(text: str) -> tuple[str, ...]:
    """ "80", "80-82/udp" as ("80/tcp",) forms. Raises OptionError."""
    port, protocol = _protocol(text)
    try:
        first, last = read_port_range(port)
    except ValueError as problem:
        raise OptionError(f"invalid range format for --expose: {text}, error: {problem}") from None
    if protocol not in PROTOCOLS:
        raise OptionError(f"invalid port format for --expose: {text}")
    return tuple(f"{number}/{protocol}" for number in range(first, last + 1))
