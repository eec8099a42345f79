"""Device nodes and capabilities that this host can give."""

import os
import stat
from typing import Any

from sampan.containers.options import Device, DeviceLimit, RunOptions
from sampan.errors import InvalidArgument, StartFailed
from sampan.runtime.defaults import ALL_CAPABILITIES
from sampan.runtime.spec import SpecDevice

_SKIPPED = ("pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev", "hugepages")


def available_capabilities() -> frozenset[str]:
    """Capabilities in this process's bounding set."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("CapBnd:"):
                mask = int(line.split()[1], 16)
                return frozenset(name for bit, name in enumerate(ALL_CAPABILITIES) if mask >> bit & 1)
    return frozenset(ALL_CAPABILITIES)


def devices(options: RunOptions) -> tuple[SpecDevice, ...]:
    """Nodes to be made: those of --device, and with --privileged all that the host has.

    Raises InvalidArgument, StartFailed for a device that is not there.
    """
    if options.privileged:
        return tuple(_walk("/dev"))
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
            for found in _walk(device.host_path)
        ]
    node = _node(device.container_path, status, device.permissions)
    if node is None:
        raise InvalidArgument(
            f'error gathering device information while adding custom device "{device.host_path}": not a device node'
        )
    return [node]


def _walk(folder: str) -> list[SpecDevice]:
    found = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in _SKIPPED or entry.is_symlink():
            continue
        if entry.is_dir():
            found += _walk(entry.path)
            continue
        node = _node(entry.path, entry.stat(), "rwm")
        if node is not None:
            found.append(node)
    return found


def _node(path: str, status: os.stat_result, permissions: str) -> SpecDevice | None:
    if stat.S_ISCHR(status.st_mode):
        kind = "c"
    elif stat.S_ISBLK(status.st_mode):
        kind = "b"
    else:
        return None
    device = status.st_rdev
    return SpecDevice(
        path,
        kind,
        os.major(device),
        os.minor(device),
        status.st_mode & 0o777,
        status.st_uid,
        status.st_gid,
        permissions,
    )
