"""Which proxy a request goes through, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say it. Pure."""

import re
from collections.abc import Mapping

from sampan.errors import InvalidArgument
from sampan.registry.endpoints import default_port, is_local


def proxy_for(scheme: str, name: str, port: int, environment: Mapping[str, str]) -> str:
    """The URL of the proxy for a host's name and port, "" for none. This host itself is never behind one.

    Raises InvalidArgument for a variable that is no URL.
    """
    variable = "HTTPS_PROXY" if scheme == "https" else "HTTP_PROXY"
    url = environment.get(variable) or environment.get(variable.lower()) or ""
    if variable == "HTTP_PROXY" and environment.get("REQUEST_METHOD"):
        url = environment.get("http_proxy", "")  # in a CGI program the other one is a header of the request
    if not url or is_local(f"[{name}]" if ":" in name else name):
        return ""
    exceptions = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if any(_matches(item.strip().lower(), name, port or default_port(scheme)) for item in exceptions.split(",")):
        return ""
    whole = url if "://" in url else f"http://{url}"
    if re.fullmatch(r"https?://(?:[^/@\s]*@)?[^/\s@]+/?", whole) is None:
        raise InvalidArgument(
            f"{variable} names no proxy that can be used", hint="write it as http://proxy.example.com:3128"
        )
    return whole


def _matches(item: str, name: str, port: int) -> bool:
    """One entry of NO_PROXY: *, an address, a network, a host (and what is below it), each with a port or without."""
    if item in ("", "*"):
        return item == "*"
    if "/" in item or re.fullmatch(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*", item):
        return _holds(item, name)
    bracketed = re.fullmatch(r"\[(.*)\](?::([0-9]+))?", item)
    host, wanted = (bracketed[1], bracketed[2] or "") if bracketed else (item.partition(":")[0], item.partition(":")[2])
    if wanted and wanted != str(port):
        return False
    suffix = host.removeprefix("*")
    if suffix.startswith("."):
        return name.endswith(suffix)
    return name == suffix or name.endswith("." + suffix)


def _holds(network: str, name: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(name) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
