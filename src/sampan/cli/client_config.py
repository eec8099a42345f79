"""Docker's config.json, as far as it speaks of what is done here: formats of lists, detach keys, proxies."""

import sys
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sampan.cli.command import Settings
from sampan.errors import SampanError
from sampan.settings import docker_config

_PROXIES = (
    ("httpProxy", "HTTP_PROXY"),
    ("httpsProxy", "HTTPS_PROXY"),
    ("noProxy", "NO_PROXY"),
    ("ftpProxy", "FTP_PROXY"),
    ("allProxy", "ALL_PROXY"),
)


@cache
def read(settings: Settings) -> Mapping[str, Any]:
    """The document, read once; {} where there is none, or where it can't be read, of which is warned as docker does."""
    path = docker_config.path_in(settings.config)
    try:
        return docker_config.read(path)
    except SampanError as error:
        print(f"WARNING: Error loading config file: {error.message}", file=sys.stderr)
        return {}


def text(settings: Settings, key: str) -> str:
    """A text of the document, "" where there is none."""
    found = read(settings).get(key, "")
    return found if isinstance(found, str) else ""


def list_format(given: str, settings: Settings, key: str) -> str:
    """What --format says, else the document's `key`, such as psFormat."""
    return given or text(settings, key)


def proxies(settings: Settings, given: Collection[str]) -> dict[str, str]:
    """The variables of `proxies.default` in both cases that are not among the `given` names."""
    document = read(settings).get("proxies")
    default = document.get("default") if isinstance(document, dict) else None
    if not isinstance(default, dict):
        return {}
    found: dict[str, str] = {}
    for key, name in _PROXIES:
        value = default.get(key)
        if isinstance(value, str) and value:
            found.update({variable: value for variable in (name, name.lower()) if variable not in given})
    return found
