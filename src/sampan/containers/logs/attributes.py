"""What `logs --details` shows before each line: the labels, variables and tag that --log-opt chose."""

import os
import re
from collections.abc import Mapping

from sampan.containers.logs import drivers as logdrivers
from sampan.containers.model import Container

_SHORT = 12


def attributes(container: Container) -> dict[str, str]:
    """Name to value, sorted. Pure but for the host's name."""
    given = container.spec.options.log_options
    environment = dict(entry.split("=", 1) for entry in container.spec.config.env if "=" in entry)
    found = {
        **_chosen(container.spec.config.labels, given, "labels"),
        **_chosen(environment, given, "env"),
    }
    if given.get("tag"):
        found["tag"] = logdrivers.expand_tag(given["tag"], _facts(container))
    return dict(sorted(found.items()))


def details(container: Container) -> str:
    """The attributes as text: a=1,b=2, with values escaped as in a URL's query."""
    from urllib.parse import quote_plus

    return ",".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in attributes(container).items())


def _chosen(values: Mapping[str, str], given: Mapping[str, str], option: str) -> dict[str, str]:
    names = given.get(option, "").split(",")
    pattern = given.get(option + "-regex", "")
    return {
        key: value for key, value in values.items() if key in names or (pattern and re.search(pattern, key) is not None)
    }


def _facts(container: Container) -> dict[str, str]:
    return {
        "ID": container.id[:_SHORT],
        "FullID": container.id,
        "Name": container.name,
        "ImageID": container.image_id[:_SHORT],
        "ImageFullID": container.image_id,
        "ImageName": container.spec.options.image,
        "DaemonName": "docker",
        "Command": " ".join(container.command),
        "Hostname": os.uname().nodename,
    }
