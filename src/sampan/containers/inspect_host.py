"""`HostConfig` of Docker's inspect document: what was asked for, as the engine of Docker 28 keeps it. Pure."""

from typing import Any

from sampan.containers import security
from sampan.containers.options import DeviceLimit, Mount, PortBinding, RunOptions
from sampan.runtime import defaults

_BLKIO = {
    "BlkioDeviceReadBps": "device_read_bps",
    "BlkioDeviceWriteBps": "device_write_bps",
    "BlkioDeviceReadIOps": "device_read_iops",
    "BlkioDeviceWriteIOps": "device_write_iops",
}


def host_config(options: RunOptions, *, runtime: str, cgroup_version: int) -> dict[str, Any]:
    """The whole object; `runtime` is the name of the OCI runtime that is used when none was asked for."""
    return {
        "Binds": _binds(options),
        "ContainerIDFile": options.cidfile,
        "LogConfig": {"Type": options.log_driver, "Config": dict(sorted(options.log_options.items()))},
        "NetworkMode": options.network,
        "PortBindings": port_bindings(options.ports),
        "RestartPolicy": {
            "Name": options.restart.name,
            "MaximumRetryCount": options.restart.maximum_retries,
            **({"RestartUnhealthy": True} if options.restart_unhealthy else {}),
        },
        "AutoRemove": options.remove,
        "VolumeDriver": "",
        "VolumesFrom": _or_null(options.volumes_from),
        "ConsoleSize": [0, 0],
        **({"Annotations": dict(sorted(options.annotations.items()))} if options.annotations else {}),
        **_isolation(options, cgroup_version),
        "Runtime": options.runtime or runtime,
        "Isolation": "",
        **_limits(options, cgroup_version),
        **({"Mounts": asked} if (asked := [_mount(mount) for mount in options.mounts if mount.long_form]) else {}),
        **_hidden_paths(options),
        **({} if options.init is None else {"Init": options.init}),
    }


def _isolation(options: RunOptions, cgroup_version: int) -> dict[str, Any]:
    by_default = "host" if cgroup_version == 1 or options.privileged else "private"
    tmpfs = {
        mount.target: ",".join((*(("ro",) if mount.read_only else ()), *mount.options))
        for mount in options.mounts
        if mount.type == "tmpfs" and not mount.long_form
    }
    return {
        "CapAdd": _or_null(_capability(name) for name in options.cap_add),
        "CapDrop": _or_null(_capability(name) for name in options.cap_drop),
        "CgroupnsMode": options.cgroupns_mode or by_default,
        "Dns": list(options.dns),
        "DnsOptions": list(options.dns_options),
        "DnsSearch": list(options.dns_search),
        "ExtraHosts": _or_null(options.extra_hosts),
        "GroupAdd": _or_null(options.groups),
        "IpcMode": options.ipc_mode or "private",
        "Cgroup": "",
        "Links": None,
        "OomScoreAdj": options.oom_score_adj,
        "PidMode": options.pid_mode,
        "Privileged": options.privileged,
        "PublishAllPorts": options.publish_all,
        "ReadonlyRootfs": options.read_only,
        "SecurityOpt": _security_options(options),
        **({"Tmpfs": dict(sorted(tmpfs.items()))} if tmpfs else {}),
        "UTSMode": options.uts_mode,
        "UsernsMode": options.userns_mode,
        "ShmSize": options.shm_size_bytes,
        **({"Sysctls": dict(sorted(options.sysctls.items()))} if options.sysctls else {}),
    }


def _limits(options: RunOptions, cgroup_version: int) -> dict[str, Any]:
    swap = options.memory_swap_bytes or options.memory_bytes * 2
    devices = [
        {
            "PathOnHost": device.host_path,
            "PathInContainer": device.container_path,
            "CgroupPermissions": device.permissions,
        }
        for device in options.devices
    ]
    return {
        "CpuShares": options.cpu_shares,
        "Memory": options.memory_bytes,
        "NanoCpus": options.nano_cpus,
        "CgroupParent": options.cgroup_parent,
        "BlkioWeight": 0,
        "BlkioWeightDevice": [{"Path": path, "Weight": value} for path, value in options.blkio_weight_devices],
        **{name: _rates(getattr(options, field)) for name, field in _BLKIO.items()},
        "CpuPeriod": options.cpu_period,
        "CpuQuota": options.cpu_quota,
        "CpuRealtimePeriod": options.cpu_realtime_period,
        "CpuRealtimeRuntime": options.cpu_realtime_runtime,
        "CpusetCpus": options.cpuset_cpus,
        "CpusetMems": options.cpuset_mems,
        "Devices": devices,
        "DeviceCgroupRules": _or_null(options.device_cgroup_rules),
        "DeviceRequests": _device_requests(options),
        "MemoryReservation": options.memory_reservation_bytes,
        "MemorySwap": swap,
        "MemorySwappiness": options.memory_swappiness if options.memory_swappiness >= 0 else None,
        "OomKillDisable": options.oom_kill_disable if cgroup_version == 1 else None,
        "PidsLimit": options.pids_limit if options.pids_limit > 0 else None,
        "Ulimits": [{"Name": limit.name, "Hard": limit.hard, "Soft": limit.soft} for limit in options.ulimits],
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
    }


def _rates(limits: tuple[DeviceLimit, ...]) -> list[dict[str, Any]]:
    return [{"Path": limit.path, "Rate": limit.value} for limit in limits]


def _device_requests(options: RunOptions) -> list[dict[str, Any]] | None:
    """CDI devices of --device, and --gpus."""
    names: list[str] = list(options.cdi_devices)
    found: list[dict[str, Any]] = []
    if names:
        found.append({"Driver": "cdi", "Count": 0, "DeviceIDs": names, "Capabilities": None, "Options": None})
    if options.gpus:
        from sampan.containers.cdi import read_gpus

        wish = read_gpus(options.gpus)
        found.append(
            {
                "Driver": wish.driver,
                "Count": wish.number,
                "DeviceIDs": list(wish.devices) or None,
                "Capabilities": [["gpu", *wish.capabilities]],
                "Options": {},
            }
        )
    return found or None


def _hidden_paths(options: RunOptions) -> dict[str, Any]:
    if security.parse_options(options.security_options).unmasked:
        return {"MaskedPaths": [], "ReadonlyPaths": []}
    if options.privileged:
        return {"MaskedPaths": None, "ReadonlyPaths": None}
    return {"MaskedPaths": list(defaults.MASKED_PATHS), "ReadonlyPaths": list(defaults.READONLY_PATHS)}


def _security_options(options: RunOptions) -> list[str] | None:
    """Those that the engine keeps: systempaths became the hidden paths; --privileged and namespaces of the host imply
    that there are no labels."""
    kept = [text for text in options.security_options if not text.startswith("systempaths")]
    if options.privileged or "host" in (options.pid_mode, options.ipc_mode):
        return [text for text in kept if text != "label=disable"] + ["label=disable"]
    return kept if options.security_options else None


def _capability(name: str) -> str:
    upper = name.upper()
    return upper if upper == "ALL" or upper.startswith("CAP_") else "CAP_" + upper


def _binds(options: RunOptions) -> list[str] | None:
    """Binds and named volumes of -v as they were written: source:target[:mode]."""
    return _or_null(
        _bind(mount)
        for mount in options.mounts
        if not mount.long_form and mount.source and mount.type in ("bind", "volume")
    )


def _bind(mount: Mount) -> str:
    words = [
        "ro" if mount.read_only else "",
        mount.relabel,
        mount.propagation,
        "nocopy" if mount.no_copy else "",
    ]
    mode = ",".join(word for word in words if word)
    return f"{mount.source}:{mount.target}" + (f":{mode}" if mode else "")


def _mount(mount: Mount) -> dict[str, Any]:
    """One --mount."""
    document: dict[str, Any] = {"Type": mount.type}
    if mount.source:
        document["Source"] = mount.source
    document["Target"] = mount.target
    if mount.read_only:
        document["ReadOnly"] = True
    document.update(_kind_options(mount))
    settings = dict(option.partition("=")[::2] for option in mount.options)
    if mount.type == "tmpfs" and settings:
        found = {"SizeBytes": settings.get("size", ""), "Mode": settings.get("mode", "")}
        bases = {"SizeBytes": 10, "Mode": 8}
        document["TmpfsOptions"] = {key: int(text, bases[key]) for key, text in found.items() if text}
    return document


def port_bindings(ports: tuple[PortBinding, ...]) -> dict[str, list[dict[str, str]]]:
    """What was asked to be published, by container port in Go's order of texts."""
    found: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        number = str(port.host_port) if port.host_port else ""
        if port.host_port_end > port.host_port:
            number += f"-{port.host_port_end}"
        entry = {"HostIp": port.host_ip, "HostPort": number}
        found.setdefault(f"{port.container_port}/{port.protocol}", []).append(entry)
    return dict(sorted(found.items()))


def _or_null(values: Any) -> list[Any] | None:
    return list(values) or None


def _kind_options(mount: Mount) -> dict[str, Any]:
    """BindOptions, VolumeOptions and ImageOptions, where something was asked for."""
    if mount.type == "bind":
        bind = {
            **({"Propagation": mount.propagation} if mount.propagation else {}),
            **({_RECURSION[mount.recursive]: True} if mount.recursive else {}),
        }
        return {"BindOptions": bind} if bind else {}
    if mount.type == "image":
        return {"ImageOptions": {"Subpath": mount.subpath}} if mount.subpath else {}
    driver: dict[str, Any] = {
        **({"Name": mount.driver} if mount.driver else {}),
        **({"Options": dict(mount.driver_options)} if mount.driver_options else {}),
    }
    volume: dict[str, Any] = {
        **({"NoCopy": True} if mount.no_copy else {}),
        **({"Labels": dict(mount.volume_labels)} if mount.volume_labels else {}),
        **({"Subpath": mount.subpath} if mount.subpath else {}),
    }
    if mount.type != "volume" or not (volume or driver):
        return {}
    return {"VolumeOptions": {**volume, "DriverConfig": driver}}


_RECURSION = {
    "disabled": "NonRecursive",
    "writable": "ReadOnlyNonRecursive",
    "readonly": "ReadOnlyForceRecursive",
}
