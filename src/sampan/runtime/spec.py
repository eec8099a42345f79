"""The OCI runtime configuration (runtime-spec config.md) of a process. Decided here, pure; written by `bundle`."""

from collections.abc import Mapping
from typing import Any

from sampan.runtime import defaults
from sampan.values import NamedTuple

Json = dict[str, Any]


class User(NamedTuple):
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()


class SpecMount(NamedTuple):
    destination: str
    type: str
    source: str
    options: tuple[str, ...]


class SpecDevice(NamedTuple):
    """A device node made in the container. `type` is c or b; `permissions` go to the device cgroup."""

    path: str
    type: str
    major: int
    minor: int
    mode: int = 0o666
    uid: int = 0
    gid: int = 0
    permissions: str = "rwm"


class Rlimit(NamedTuple):
    name: str  # nofile
    soft: int
    hard: int


class Resources(NamedTuple):
    """Limits; 0 and "" mean none. Sizes in bytes, CPU period and quota in microseconds."""

    memory: int = 0
    memory_reservation: int = 0
    memory_swap: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids: int = 0
    oom_kill_disable: bool = False
    memory_swappiness: int = -1  # -1: not set
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    block_io: Mapping[str, Any] = {}  # the blockIO object (config-linux.md, Block IO)


class SpecOptions(NamedTuple):
    """Everything config.json is made from. A namespace is "private", "host" or a path; network "" is like "private"."""

    args: tuple[str, ...]
    env: tuple[str, ...]
    rootfs: str
    cgroups_path: str
    cwd: str = "/"
    user: User = User()
    terminal: bool = False
    hostname: str = ""
    domainname: str = ""
    read_only: bool = False
    privileged: bool = False
    writable_cgroups: bool = False
    capabilities: tuple[str, ...] = defaults.DEFAULT_CAPABILITIES
    no_new_privileges: bool = False
    rlimits: tuple[Rlimit, ...] = ()
    mounts: tuple[SpecMount, ...] = ()
    shm_size: int = 67108864  # 0: no /dev/shm
    shm_source: str = ""  # path of another container's, instead
    network: str = "private"
    pid: str = "private"
    ipc: str = "private"
    uts: str = "private"
    cgroup: str = "private"
    resources: Resources = Resources()
    devices: tuple[SpecDevice, ...] = ()
    device_rules: tuple[tuple[str, int | None, int | None, str], ...] = ()  # (a|b|c, major, minor, rwm)
    sysctl: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    masked_paths: tuple[str, ...] = defaults.MASKED_PATHS
    readonly_paths: tuple[str, ...] = defaults.READONLY_PATHS
    seccomp: Json | None = None
    oom_score_adj: int | None = 0
    hooks: Mapping[str, tuple[Json, ...]] = {}
    rootfs_propagation: str = ""  # "" leaves it to the runtime


def make_spec(options: SpecOptions) -> Json:
    """The config.json document for `options`."""
    spec: Json = {
        "ociVersion": "1.0.2",
        "process": process_document(options),
        "root": {"path": options.rootfs, "readonly": options.read_only},
        "mounts": [_mount_document(mount) for mount in _all_mounts(options)],
        "linux": _linux(options),
    }
    if options.uts != "host":
        spec["hostname"] = options.hostname
        if options.domainname:
            spec["domainname"] = options.domainname
    if options.hooks:
        spec["hooks"] = {name: list(hooks) for name, hooks in options.hooks.items()}
    if options.annotations:
        spec["annotations"] = dict(options.annotations)
    return spec


def process_document(options: SpecOptions) -> Json:
    """The `process` object; `exec` uses it alone."""
    capabilities = list(options.capabilities)
    document: Json = {
        "terminal": options.terminal,
        "user": {"uid": options.user.uid, "gid": options.user.gid, "additionalGids": list(options.user.groups)},
        "args": list(options.args),
        "env": list(options.env),
        "cwd": options.cwd,
        # A user other than root gets them as a ceiling only, as execve(2) would leave it.
        "capabilities": {
            "bounding": capabilities,
            "effective": capabilities if options.user.uid == 0 else [],
            "permitted": capabilities if options.user.uid == 0 else [],
        },
        "noNewPrivileges": options.no_new_privileges,
        "rlimits": [
            {"type": "RLIMIT_" + limit.name.upper(), "soft": limit.soft, "hard": limit.hard}
            for limit in options.rlimits
        ],
    }
    if options.oom_score_adj is not None:
        document["oomScoreAdj"] = options.oom_score_adj
    return document


def _all_mounts(options: SpecOptions) -> list[SpecMount]:
    """Base mounts, then the asked ones by depth; an asked mount replaces a base mount of its destination."""
    asked = {mount.destination for mount in options.mounts}
    read_only = () if options.privileged else ("ro",)
    cgroups_read_only = () if options.writable_cgroups else ("ro",)
    base = [
        SpecMount("/proc", "proc", "proc", ("nosuid", "noexec", "nodev")),
        SpecMount("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
        SpecMount(
            "/dev/pts",
            "devpts",
            "devpts",
            ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        ),
        SpecMount("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", *read_only))
        if options.network != "host" or not options.privileged
        else SpecMount("/sys", "none", "/sys", ("rbind", "rslave")),
        SpecMount("/sys/fs/cgroup", "cgroup", "cgroup", ("nosuid", "noexec", "nodev", *cgroups_read_only)),
        SpecMount("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
    ]
    if options.ipc == "host":
        base.append(SpecMount("/dev/shm", "bind", "/dev/shm", ("rbind", "rprivate", "nosuid", "nodev", "noexec")))
    elif options.shm_source:
        shared = ("bind", "rprivate", "nosuid", "nodev", "noexec")
        base.append(SpecMount("/dev/shm", "bind", options.shm_source, shared))
    elif options.shm_size:
        shm = ("nosuid", "noexec", "nodev", "mode=1777", f"size={options.shm_size}")
        base.append(SpecMount("/dev/shm", "tmpfs", "shm", shm))
    ordered = sorted(options.mounts, key=lambda mount: mount.destination.rstrip("/").count("/"))
    return [mount for mount in base if mount.destination not in asked] + ordered


def _mount_document(mount: SpecMount) -> Json:
    return {
        "destination": mount.destination,
        "type": mount.type,
        "source": mount.source,
        "options": list(mount.options),
    }


def _namespaces(options: SpecOptions) -> list[Json]:
    namespaces: list[Json] = [{"type": "mount"}]
    for kind, wish in (
        ("network", options.network or "private"),
        ("pid", options.pid),
        ("ipc", options.ipc),
        ("uts", options.uts),
        ("cgroup", options.cgroup),
    ):
        if wish == "host":
            continue
        namespaces.append({"type": kind} if wish == "private" else {"type": kind, "path": wish})
    return namespaces


def _linux(options: SpecOptions) -> Json:
    linux: Json = {
        "cgroupsPath": options.cgroups_path,
        "namespaces": _namespaces(options),
        "resources": _resources(options),
        "maskedPaths": list(options.masked_paths),
        "readonlyPaths": list(options.readonly_paths),
    }
    if options.rootfs_propagation:
        linux["rootfsPropagation"] = options.rootfs_propagation
    if options.sysctl:
        linux["sysctl"] = dict(options.sysctl)
    if options.devices:
        linux["devices"] = [
            {
                "path": device.path,
                "type": device.type,
                "major": device.major,
                "minor": device.minor,
                "fileMode": device.mode,
                "uid": device.uid,
                "gid": device.gid,
            }
            for device in options.devices
        ]
    if options.seccomp is not None:
        linux["seccomp"] = options.seccomp
    return linux


def _resources(options: SpecOptions) -> Json:
    return {"devices": _device_rules(options), **resources_document(options.resources)}


def resources_document(limits: Resources) -> Json:
    """The limits in the form of `linux.resources`, which the runtime's `update` takes too."""
    document: Json = {}
    memory: Json = {
        "limit": limits.memory,
        "reservation": limits.memory_reservation,
        "swap": limits.memory_swap,
        "disableOOMKiller": limits.oom_kill_disable,
    }
    cpu = {
        "shares": limits.cpu_shares,
        "period": limits.cpu_period,
        "quota": limits.cpu_quota,
        "cpus": limits.cpuset_cpus,
        "mems": limits.cpuset_mems,
        "realtimePeriod": limits.cpu_realtime_period,
        "realtimeRuntime": limits.cpu_realtime_runtime,
    }
    for name, values in (("memory", memory), ("cpu", cpu)):
        chosen = {key: value for key, value in values.items() if value}
        if chosen:
            document[name] = chosen
    if limits.memory_swappiness >= 0:
        document.setdefault("memory", {})["swappiness"] = limits.memory_swappiness
    if limits.block_io:
        document["blockIO"] = dict(limits.block_io)
    if limits.pids:
        document["pids"] = {"limit": limits.pids}
    return document


def _device_rules(options: SpecOptions) -> list[Json]:
    if options.privileged:
        return [{"allow": True, "access": "rwm"}]
    rules: list[Json] = [{"allow": False, "access": "rwm"}]
    for major, minor in defaults.DEFAULT_DEVICES:
        rules.append({"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"})
    # mknod(2) alone gives no access to the device, and pseudo terminals are the container's own.
    rules.append({"allow": True, "type": "c", "access": "m"})
    rules.append({"allow": True, "type": "b", "access": "m"})
    rules.append({"allow": True, "type": "c", "major": 136, "access": "rwm"})
    rules.append({"allow": True, "type": "c", "major": 5, "minor": 2, "access": "rwm"})
    for device in options.devices:
        rules.append(
            {
                "allow": True,
                "type": device.type,
                "major": device.major,
                "minor": device.minor,
                "access": device.permissions,
            }
        )
    for kind, major_, minor_, access in options.device_rules:
        rule: Json = {"allow": True, "type": kind, "access": access}
        if major_ is not None:
            rule["major"] = major_
        if minor_ is not None:
            rule["minor"] = minor_
        rules.append(rule)
    return rules
