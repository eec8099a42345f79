"""A container's record: what it was made from, which never changes, and the state it is in."""

import json
from collections.abc import Mapping
from typing import Any

from sampan.containers.options import (
    Device,
    DeviceLimit,
    Mount,
    NetworkChoice,
    PortBinding,
    RestartPolicy,
    RunOptions,
    Ulimit,
)
from sampan.oci.config import (
    ContainerConfig,
    HealthConfig,
    container_config_from_json,
    container_config_to_json,
)
from sampan.settings.model import DEFAULT_SHM_BYTES
from sampan.values import NamedTuple

# Why a restart policy leaves a container alone: a user killed or stopped it, it had ended before it had that policy, or
# everything was shut down, until it is resumed.
KILLED, STOPPED, ENDED_BEFORE, SHUT_DOWN = 1, 2, 3, 4


class MountPoint(NamedTuple):
    """A mount as it was decided at creation: `source` is a host path, `volume` the volume's name or "".

    What has a `backing`, a `subpath` or `layers` is made ready in the container's mount namespace at each start.
    """

    type: str  # bind, volume, tmpfs, image
    source: str
    destination: str
    volume: str = ""
    read_only: bool = False
    options: tuple[str, ...] = ()
    propagation: str = ""
    copy: bool = False  # fill an empty volume from the image at the first start
    mode: str = ""  # as inspect shows it
    backing: Mapping[str, str] = {}  # options of a volume that is a file system of its own
    subpath: str = ""
    recursive: str = ""  # as Mount has it
    layers: tuple[str, ...] = ()  # of an image, lowest first
    image: str = ""  # its name, as it was asked for

    @property
    def is_staged(self) -> bool:
        """Whether more than a bind is needed (see containers/staging.py)."""
        return bool(self.backing or self.subpath or self.type == "image" or self.recursive == "disabled")


class Spec(NamedTuple):
    """What a container was made from. `config` is the image's configuration with the options laid over it."""

    options: RunOptions
    config: ContainerConfig
    mounts: tuple[MountPoint, ...] = ()


class Container(NamedTuple):
    """A row of the container table. Times in ns since the epoch, 0 = never. `health` is Docker's State.Health or
    None."""

    id: str
    name: str
    image_id: str
    layers: tuple[str, ...]
    spec: Spec
    created_at: int
    status: str = "created"
    pid: int = 0
    pid_start: int = 0
    monitor_pid: int = 0
    monitor_start: int = 0
    boot_id: str = ""
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    restart_count: int = 0
    stopped_by_user: int = 0  # KILLED, STOPPED, ENDED_BEFORE or SHUT_DOWN
    health: dict[str, Any] | None = None

    @property
    def is_running(self) -> bool:
        """Running in Docker's sense: a paused container is."""
        return self.status in ("running", "paused")

    @property
    def was_stopped(self) -> bool:
        """Whether a user ended it, and not it itself."""
        return self.stopped_by_user in (KILLED, STOPPED, SHUT_DOWN)

    @property
    def command(self) -> tuple[str, ...]:
        """Entrypoint and command, as they will be executed."""
        return (*(self.spec.config.entrypoint or ()), *(self.spec.config.cmd or ()))


def spec_to_json(spec: Spec) -> str:
    """The text stored in the row: options that differ from the default, the merged configuration, the mounts."""
    defaults = RunOptions._field_defaults
    options = {
        key: _plain(value)
        for key, value in spec.options._asdict().items()
        if key not in defaults or value != defaults[key] or key in _WITHOUT_SETTINGS
    }
    document = {
        "options": options,
        "config": container_config_to_json(spec.config),
        "mounts": [_plain(mount) for mount in spec.mounts],
    }
    return json.dumps(document, separators=(",", ":"))


def spec_from_json(text: str) -> Spec:
    """Read what `spec_to_json` wrote."""
    document = json.loads(text)
    return Spec(
        options=_options(document["options"]),
        config=container_config_from_json(document["config"]),
        mounts=tuple(_tupled(MountPoint(**mount)) for mount in document["mounts"]),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _network(fields: dict[str, Any]) -> NetworkChoice:
    decoded: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return NetworkChoice(**decoded)


def _tupled(mount: MountPoint) -> MountPoint:
    return mount._replace(options=tuple(mount.options), layers=tuple(mount.layers))


_DEVICE_LIMITS = tuple(
    (name, DeviceLimit)
    for name in (
        "blkio_weight_devices",
        "device_read_bps",
        "device_write_bps",
        "device_read_iops",
        "device_write_iops",
    )
)


def _options(fields: dict[str, Any]) -> RunOptions:
    decoded: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    for key, kind in (("ports", PortBinding), ("ulimits", Ulimit), ("devices", Device), *_DEVICE_LIMITS):
        if key in decoded:
            decoded[key] = tuple(kind(**item) for item in decoded[key])
    if "mounts" in decoded:
        decoded["mounts"] = tuple(Mount(**{**item, "options": tuple(item["options"])}) for item in decoded["mounts"])
    if decoded.get("networks") is not None:
        decoded["networks"] = tuple(_network(item) for item in decoded["networks"])
    if "restart" in decoded:
        decoded["restart"] = RestartPolicy(**decoded["restart"])
    if decoded.get("healthcheck") is not None:
        health = decoded["healthcheck"]
        decoded["healthcheck"] = HealthConfig(**{**health, "test": tuple(health["test"])})
    return RunOptions(**{**_WITHOUT_SETTINGS, **decoded})


# What a record means that does not have them: it was made before settings could decide.
_WITHOUT_SETTINGS: dict[str, Any] = {"log_driver": "json-file", "shm_size_bytes": DEFAULT_SHM_BYTES}
