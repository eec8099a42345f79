"""Image and options become a configuration, and that a runtime specification. Pure: what the host must be asked is
in `Facts`."""

from collections.abc import Iterable, Mapping

from sampan.containers import security
from sampan.containers.injection import NOTHING, Injection
from sampan.containers.model import Container, MountPoint
from sampan.containers.options import RunOptions
from sampan.errors import InvalidArgument, StartFailed
from sampan.oci.config import ContainerConfig, HealthConfig
from sampan.runtime import defaults
from sampan.runtime.spec import Json, Resources, Rlimit, SpecDevice, SpecMount, SpecOptions
from sampan.runtime.users import Identity
from sampan.values import NamedTuple


class Facts(NamedTuple):
    """What is known only when a container starts. Paths are the host's."""

    folder: str  # <root>/containers/<id>
    identity: Identity
    capabilities: tuple[str, ...]
    network: str  # "private", "host" or a namespace's path
    namespaces: Mapping[str, str]  # pid, ipc, uts: "private", "host" or a path
    cgroups_path: str
    cgroup_version: int
    seccomp: Json | None
    annotations: Mapping[str, str]
    devices: tuple[SpecDevice, ...]
    mounts: tuple[MountPoint, ...]  # with the host's paths
    init_path: str = ""
    shared_memory: str = ""  # what is to be /dev/shm, when it is another container's
    oom_score_adj: int | None = None  # None: as ours is
    block_io: Json = {}
    injected: Injection = NOTHING
    linked: tuple[str, ...] = ()  # variables of links to other containers
    etc_files: tuple[str, ...] = ("resolv.conf", "hostname", "hosts")
    has_recursive_read_only: bool = True


def merge(options: RunOptions, image: ContainerConfig) -> ContainerConfig:
    """Lay the options over the image's configuration. Raises InvalidArgument when nothing is left to execute."""
    if options.entrypoint is not None:
        entrypoint = options.entrypoint or None
        cmd = options.command or None
    else:
        entrypoint = image.entrypoint
        cmd = options.command or image.cmd
    if not entrypoint and not cmd:
        raise StartFailed(
            "no command specified", exit_code=125, hint="give one after the image, or set CMD in its Dockerfile"
        )
    if options.working_dir and not options.working_dir.startswith("/"):
        raise InvalidArgument(
            f"the working directory '{options.working_dir}' is invalid, it needs to be an absolute path"
        )
    ports = {f"{port.container_port}/{port.protocol}" for port in options.ports}
    return image._replace(
        entrypoint=entrypoint,
        cmd=cmd,
        env=merge_env(options.env, image.env),
        labels={**image.labels, **options.labels},
        exposed_ports=tuple(sorted({*image.exposed_ports, *options.expose, *ports})),
        user=options.user or image.user,
        working_dir=options.working_dir or image.working_dir,
        stop_signal=options.stop_signal or image.stop_signal,
        healthcheck=merge_health(options.healthcheck, image.healthcheck),
        on_build=None,
        shell=None,
    )


def merge_env(asked: tuple[str, ...], image: tuple[str, ...]) -> tuple[str, ...]:
    """The asked variables, the last of each name, then those of the image that were not asked for.

    A bare KEY stays bare: `process_environment` leaves the variable out.
    """
    chosen: dict[str, str] = {}
    for entry in asked:
        name = entry.partition("=")[0]
        chosen.pop(name, None)  # it stands where it was said last
        chosen[name] = entry
    return (*chosen.values(), *(entry for entry in image if entry.partition("=")[0] not in chosen))


def merge_health(asked: HealthConfig | None, image: HealthConfig | None) -> HealthConfig | None:
    """Fields that were asked for win over the image's; a check of ("NONE",) is no check."""
    if asked is None:
        return image
    base = image or HealthConfig()
    return HealthConfig(
        test=asked.test or base.test,
        interval_ns=asked.interval_ns or base.interval_ns,
        timeout_ns=asked.timeout_ns or base.timeout_ns,
        start_period_ns=asked.start_period_ns or base.start_period_ns,
        start_interval_ns=asked.start_interval_ns or base.start_interval_ns,
        retries=asked.retries or base.retries,
    )


def resources(options: RunOptions) -> Resources:
    """Limits as the runtime wants them. Without --memory-swap as much swap as memory is allowed, as Docker does."""
    period, quota = options.cpu_period, options.cpu_quota
    if options.nano_cpus:
        period, quota = 100000, options.nano_cpus * 100000 // 10**9
    swap = options.memory_swap_bytes
    if options.memory_bytes and not swap:
        swap = options.memory_bytes * 2
    return Resources(
        memory=options.memory_bytes,
        memory_reservation=options.memory_reservation_bytes,
        memory_swap=swap,
        cpu_shares=options.cpu_shares,
        cpu_period=period,
        cpu_quota=max(quota, 0),  # below it is no limit
        cpuset_cpus=options.cpuset_cpus,
        cpuset_mems=options.cpuset_mems,
        pids=max(options.pids_limit, 0),
        oom_kill_disable=options.oom_kill_disable,
        memory_swappiness=options.memory_swappiness,
        cpu_realtime_period=options.cpu_realtime_period,
        cpu_realtime_runtime=options.cpu_realtime_runtime,
    )


def environment(container: Container, home: str, linked: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The variables of the container's own process; its own ones win over those of links."""
    spec = container.spec
    return process_environment(merge_env(spec.config.env, linked), hostname(container), home, tty=spec.options.tty)


def process_environment(env: tuple[str, ...], host: str, home: str, *, tty: bool) -> tuple[str, ...]:
    """A process's variables: PATH and HOSTNAME first, TERM with a terminal, then `env`, HOME at last.

    A bare KEY in `env` takes the variable away, be it the image's or one of the first three; HOME is always there.
    """
    names = {entry.partition("=")[0] for entry in env}
    kept = tuple(entry for entry in env if "=" in entry)
    usual = [f"PATH={defaults.DEFAULT_PATH}", f"HOSTNAME={host}", *(["TERM=xterm"] if tty else ())]
    first = (entry for entry in usual if entry.partition("=")[0] not in names)
    last = () if any(entry.startswith("HOME=") for entry in kept) else (f"HOME={home}",)
    return (*first, *kept, *last)


def hostname(container: Container) -> str:
    return container.spec.options.hostname or container.id[:12]


def specification(container: Container, facts: Facts) -> SpecOptions:
    """Everything config.json is made from."""
    options = container.spec.options
    choices = security.parse_options(options.security_options)
    args = container.command
    if facts.init_path:
        args = ("/sbin/docker-init", "--", *args)
    unmasked = options.privileged or choices.unmasked
    sysctl = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
    return SpecOptions(
        args=args,
        env=(*environment(container, facts.identity.home, facts.linked), *facts.injected.env),
        rootfs=facts.folder + "/merged",
        cgroups_path=facts.cgroups_path,
        cwd=container.spec.config.working_dir or "/",
        user=facts.identity.user._replace(groups=(*facts.identity.user.groups, *facts.injected.groups)),
        terminal=options.tty,
        hostname=hostname(container),
        domainname=options.domainname,
        read_only=options.read_only,
        privileged=options.privileged,
        writable_cgroups=options.privileged if choices.writable_cgroups is None else choices.writable_cgroups,
        capabilities=facts.capabilities,
        no_new_privileges=choices.no_new_privileges,
        rlimits=tuple(Rlimit(limit.name, limit.soft, limit.hard) for limit in options.ulimits),
        mounts=(*_mounts(facts, is_read_only=options.read_only), *facts.injected.mounts),
        shm_size=0 if options.ipc_mode == "none" else options.shm_size_bytes,
        shm_source=facts.shared_memory,
        network=facts.network,
        pid=facts.namespaces.get("pid", "private"),
        ipc=facts.namespaces.get("ipc", "private"),
        uts=facts.namespaces.get("uts", "private"),
        cgroup=_cgroup_namespace(options, facts.cgroup_version),
        resources=resources(options)._replace(block_io=facts.block_io),
        devices=(*facts.devices, *facts.injected.devices),
        hooks=facts.injected.hooks,
        rootfs_propagation=_propagation(facts.mounts),
        device_rules=security.device_rules(options.device_cgroup_rules),
        sysctl={**(sysctl if facts.network != "host" else {}), **options.sysctls},
        annotations={**options.annotations, **facts.annotations},
        masked_paths=() if unmasked else defaults.MASKED_PATHS,
        readonly_paths=() if unmasked else defaults.READONLY_PATHS,
        seccomp=facts.seccomp,
        oom_score_adj=options.oom_score_adj or facts.oom_score_adj,
    )


def _cgroup_namespace(options: RunOptions, version: int) -> str:
    """Docker's default: the host's on cgroup v1, an own one on v2 unless privileged."""
    if options.cgroupns_mode:
        return options.cgroupns_mode
    return "host" if version == 1 or options.privileged else "private"


# Files of /proc that other programs present anew (lxcfs); as runc has them.
_PROC_FILES = frozenset(
    "/proc/" + name
    for name in (
        "cpuinfo",
        "diskstats",
        "meminfo",
        "stat",
        "swaps",
        "uptime",
        "loadavg",
        "slabinfo",
        "net/dev",
        "sys/kernel/ns_last_pid",
        "sys/crypto/fips_enabled",
    )
)


def check_mounts(points: Iterable[MountPoint]) -> None:
    """Refuse what would take the root's or the kernel's place: an image that mounts over /proc could show processes
    another /proc, and what is written to protect it would be written into a volume. Raises StartFailed in runc's words;
    crun itself lets it pass."""
    for point in points:
        place = point.destination
        problem = ""
        if place == "/":
            problem = "is on the top of rootfs"
        elif place == "/proc" and not (point.type == "bind" and point.source == "/proc"):
            problem = "cannot be mounted because it is not of type proc"
        elif place.startswith("/proc/") and place not in _PROC_FILES:
            problem = "cannot be mounted because it is inside /proc"
        if problem:
            raise StartFailed(
                "failed to create task for container: failed to create shim task: OCI runtime create failed: unable to"
                f' start container process: error during container init: error mounting "{point.source}" to rootfs at'
                f' "{place}": create mountpoint for {place} mount: "{place}" {problem}',
                exit_code=125,
                hint="the image's VOLUME, or -v, names a place that belongs to the kernel",
            )


def _mounts(facts: Facts, *, is_read_only: bool) -> tuple[SpecMount, ...]:
    asked = {mount.destination for mount in facts.mounts}
    read_only = ("ro",) if is_read_only else ()
    mounts = [
        SpecMount(f"/etc/{name}", "bind", f"{facts.folder}/{name}", ("rbind", "rprivate", *read_only))
        for name in facts.etc_files
        if f"/etc/{name}" not in asked
    ]
    if facts.init_path:
        mounts.append(SpecMount("/sbin/docker-init", "bind", facts.init_path, ("bind", "ro")))
    for mount in facts.mounts:
        if mount.type == "tmpfs":
            words = {option.partition("=")[0] for option in mount.options}
            usual = (word for word in ("noexec", "nosuid", "nodev") if word.removeprefix("no") not in words)
            options = (*usual, *(("ro",) if mount.read_only else ()), *mount.options)
            mounts.append(SpecMount(mount.destination, "tmpfs", "tmpfs", options))
        else:
            bind = "bind" if mount.recursive == "disabled" else "rbind"
            access = _bind_access(mount, facts.has_recursive_read_only)
            options = (bind, mount.propagation or "rprivate", *access)
            mounts.append(SpecMount(mount.destination, "bind", mount.source, options))
    return tuple(mounts)


def _propagation(points: Iterable[MountPoint]) -> str:
    """What the root must be so that mounts of the host reach those that ask for it: crun makes all private else."""
    asked = {point.propagation.removeprefix("r") for point in points}
    return "rshared" if "shared" in asked else "rslave" if "slave" in asked else ""


def _bind_access(mount: MountPoint, has_recursive: bool) -> tuple[str, ...]:
    """Read-only with what is mounted below it, unless that was not asked for or the kernel cannot."""
    if not mount.read_only:
        return ()
    if mount.recursive == "readonly" and not has_recursive:
        raise StartFailed(
            f"mount {mount.destination}: bind-recursive=readonly needs a kernel of 5.12 or later", exit_code=125
        )
    return ("ro", "rro") if has_recursive and mount.recursive in ("", "readonly") else ("ro",)
