"""What devices of the Container Device Interface add to a container."""

from collections.abc import Mapping
from typing import Any

from sampan.runtime.spec import SpecDevice, SpecMount
from sampan.values import NamedTuple


class Injection(NamedTuple):
    """`hooks` are OCI hooks by their kind; paths of mounts and devices are as in the specification."""

    env: tuple[str, ...] = ()
    devices: tuple[SpecDevice, ...] = ()
    mounts: tuple[SpecMount, ...] = ()
    hooks: Mapping[str, tuple[dict[str, Any], ...]] = {}
    groups: tuple[int, ...] = ()


NOTHING = Injection()
