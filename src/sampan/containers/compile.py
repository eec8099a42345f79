"""Image and options become a configuration, and that a runtime specification. Pure: what the host must be asked is
in `Facts`."""

from collections.abc import Mapping

from sampan.containers import security
from sampan.containers.model import Container, MountPoint
from sampan.containers.options import RunOptions
from sampan.errors import InvalidArgument, StartFailed
from sampan.oci.config import ContainerConfig, HealthConfig
from sampan.runtime import defaults
from sampan.runtime.spec import Json, Resources, Rlimit, SpecDevice, SpecMount, SpecOptions
from sampan.runtime.users import Identity
from sampan.values import NamedTuple

_MINIMUM_MEMORY = 6 << 20


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
    oom_score_adj: int | None = None  # None: as ours is
    etc_files: tuple[str, ...] = ("resolv.conf", "hostname", "hosts")


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
    """The asked variables, the last of each name, then those of the image that were not asked for."""
    chosen: dict[str, str] = {}
    for entry in asked:
        chosen[entry.partition("=")[0]] = entry
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


def check(options: RunOptions, cpus: int) -> None:
    """What Docker's engine refuses before anything is made. Raises InvalidArgument in its words."""
    if options.memory_bytes and options.memory_bytes < _MINIMUM_MEMORY:
        raise InvalidArgument("Minimum memory limit allowed is 6MB")
    if 0 < options.memory_swap_bytes < options.memory_bytes:
        raise InvalidArgument("Minimum memoryswap limit should be larger than memory limit, see usage")
    if options.memory_swap_bytes > 0 and not options.memory_bytes:
        raise InvalidArgument("You should always set the Memory limit when using Memoryswap limit, see usage")
    if options.memory_bytes and options.memory_reservation_bytes > options.memory_bytes:
        raise InvalidArgument("Minimum memory limit can not be less than memory reservation limit, see usage")
    if options.nano_cpus and (options.cpu_quota or options.cpu_period):
        other = "Quota" if options.cpu_quota else "Period"
        raise InvalidArgument(f"Conflicting options: Nano CPUs and CPU {other} cannot both be set")
    if options.nano_cpus < 0 or options.nano_cpus > cpus * 10**9:
        raise InvalidArgument(f"Range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available")
    if not -1000 <= options.oom_score_adj <= 1000:
        raise InvalidArgument(f"Invalid value {options.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    security.capabilities(options)
    security.parse_options(options.security_options)
    for name in options.annotations:
        if name.startswith("run.oci."):
            # These steer crun itself: one of them would replace the seccomp filter.
            raise InvalidArgument(f"annotation {name} is not allowed: run.oci. belongs to the runtime")


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
        cpu_quota=quota,
        cpuset_cpus=options.cpuset_cpus,
        cpuset_mems=options.cpuset_mems,
        pids=max(options.pids_limit, 0),
        oom_kill_disable=options.oom_kill_disable,
    )


def environment(container: Container, home: str) -> tuple[str, ...]:
    """The process's variables: PATH and HOSTNAME first, TERM with a terminal, then the configuration's, HOME at
    last."""
    config = container.spec.config
    env = list(config.env)
    names = {entry.partition("=")[0] for entry in env}
    first = [] if "PATH" in names else [f"PATH={defaults.DEFAULT_PATH}"]
    if "HOSTNAME" not in names:
        first.append(f"HOSTNAME={hostname(container)}")
    if container.spec.options.tty and "TERM" not in names:
        first.append("TERM=xterm")
    if "HOME" not in names:
        env.append(f"HOME={home}")
    return (*first, *env)


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
        env=environment(container, facts.identity.home),
        rootfs=facts.folder + "/merged",
        cgroups_path=facts.cgroups_path,
        cwd=container.spec.config.working_dir or "/",
        user=facts.identity.user,
        terminal=options.tty,
        hostname=hostname(container),
        domainname=options.domainname,
        read_only=options.read_only,
        privileged=options.privileged,
        capabilities=facts.capabilities,
        no_new_privileges=choices.no_new_privileges,
        rlimits=tuple(Rlimit(limit.name, limit.soft, limit.hard) for limit in options.ulimits),
        mounts=_mounts(facts),
        shm_size=options.shm_size_bytes,
        network=facts.network,
        pid=facts.namespaces.get("pid", "private"),
        ipc=facts.namespaces.get("ipc", "private"),
        uts=facts.namespaces.get("uts", "private"),
        cgroup=_cgroup_namespace(options, facts.cgroup_version),
        resources=resources(options),
        devices=facts.devices,
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


def _mounts(facts: Facts) -> tuple[SpecMount, ...]:
    asked = {mount.destination for mount in facts.mounts}
    mounts = [
        SpecMount(f"/etc/{name}", "bind", f"{facts.folder}/{name}", ("rbind", "rprivate"))
        for name in facts.etc_files
        if f"/etc/{name}" not in asked
    ]
    if facts.init_path:
        mounts.append(SpecMount("/sbin/docker-init", "bind", facts.init_path, ("bind", "ro")))
    for mount in facts.mounts:
        access = ("ro",) if mount.read_only else ()
        if mount.type == "tmpfs":
            options = ("noexec", "nosuid", "nodev", *access, *mount.options)
            mounts.append(SpecMount(mount.destination, "tmpfs", "tmpfs", options))
        else:
            propagation = mount.propagation or "rprivate"
            mounts.append(SpecMount(mount.destination, "bind", mount.source, ("rbind", propagation, *access)))
    return tuple(mounts)
