"""`volume ls`: rows."""

from collections.abc import Mapping
from typing import NamedTuple

from sampan.cli.format import Listing, Row


class VolumeFacts(NamedTuple):
    name: str
    mountpoint: str
    driver: str = "local"
    scope: str = "local"
    labels: Mapping[str, str] = {}


LISTING = Listing(
    type_name="*formatter.volumeContext",
    headers={
        "Name": "VOLUME NAME",
        "Driver": "DRIVER",
        "Scope": "SCOPE",
        "Mountpoint": "MOUNTPOINT",
        "Labels": "LABELS",
        "Links": "LINKS",
        "Size": "SIZE",
        "Availability": "AVAILABILITY",
        "Group": "GROUP",
        "Status": "STATUS",
    },
    columns=("Driver", "Name"),
    raw=(("name", "Name"), ("driver", "Driver")),
)


def row(facts: VolumeFacts) -> Row:
    return {
        "Name": facts.name,
        "Driver": facts.driver,
        "Scope": facts.scope,
        "Mountpoint": facts.mountpoint,
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(facts.labels.items())),
        "Label": lambda key: facts.labels.get(key, ""),
        "Links": "N/A",
        "Size": "N/A",
        "Availability": "N/A",
        "Group": "N/A",
        "Status": "N/A",
    }
