"""Device nodes that options ask for."""

import os
import stat
from typing import Any

from sampan.containers.options import Device, DeviceLimit, RunOptions
from sampan.errors import InvalidArgument, StartFailed
from sampan.runtime import hostdevices
from sampan.runtime.spec import SpecDevice


def devices(options: RunOptions) -> tuple[SpecDevice, ...]:
    """Nodes to be made: those of --device, and with --privileged all that the host has.

    Raises InvalidArgument, StartFailed for a device that is not there.
    """
    if options.privileged:
        return tuple(hostdevices.walk("/dev"))
    return tuple(found for device in options.devices for found in _asked(device))


def block_limits(options: RunOptions) -> dict[str, Any]:
    """The blockIO object of the device limits. Raises NotFound for a device that is not there."""
    fields = (
        ("weightDevice", "weight", options.blkio_weight_devices),
        ("throttleReadBpsDevice", "rate", options.device_read_bps),
        ("throttleWriteBpsDevice", "rate", options.device_write_bps),
        ("throttleReadIOPSDevice", "rate", options.device_read_iops),
        ("throttleWriteIOPSDevice", "rate", options.device_write_iops),
    )
    return {name: [_block_limit(limit, key) for limit in limits] for name, key, limits in fields if limits}


def _block_limit(limit: DeviceLimit, key: str) -> dict[str, int]:
    try:
        device = os.stat(limit.path).st_rdev
    except OSError as error:
        reason = f"stat {limit.path}: {(error.strerror or '').lower()}"
        raise StartFailed(reason, exit_code=127 if isinstance(error, FileNotFoundError) else 125) from error
    return {"major": os.major(device), "minor": os.minor(device), key: limit.value}


def _asked(device: Device) -> list[SpecDevice]:
    try:
        status = os.stat(device.host_path)
    except OSError as error:
        raise StartFailed(
            f'error gathering device information while adding custom device "{device.host_path}":'
            f" {(error.strerror or '').lower()}",
            exit_code=127,
        ) from error
    if stat.S_ISDIR(status.st_mode):
        return [
            found._replace(
                path=device.container_path + found.path.removeprefix(device.host_path), permissions=device.permissions
            )
            for found in hostdevices.walk(device.host_path)
        ]
    node = hostdevices.node(device.container_path, status, device.permissions)
    if node is None:
        raise InvalidArgument(
            f'error gathering device information while adding custom device "{device.host_path}": not a device node'
        )
    return [node]
