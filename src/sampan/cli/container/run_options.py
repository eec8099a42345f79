"""What the flags of `run` and `create` mean: the options that the engine takes."""

import os
from collections.abc import Mapping
from typing import Any

from sampan.cli.container.run_flags import WINDOWS_FLAGS
from sampan.cli.errors import ClientError, OptionError
from sampan.cli.flags import Parsed
from sampan.cli.values.environment import environment, labels
from sampan.cli.values.limits import is_cdi_name, read_device, read_restart
from sampan.cli.values.mounts import read_tmpfs, read_volume
from sampan.cli.values.ports import read_expose, read_publish
from sampan.containers import mount_rules
from sampan.containers.options import DeviceLimit, Mount, NetworkChoice, RunOptions, Ulimit
from sampan.errors import InvalidArgument, NotFound, Unsupported
from sampan.oci.config import HealthConfig


def run_options(parsed: Parsed) -> RunOptions:
    """The options that a command line of `run` or `create` asks for.

    The first argument is the image. Raises OptionError, InvalidArgument and Unsupported in docker's words.
    """
    _check_conflicts(parsed)
    _refuse_unsupported(parsed)
    options = RunOptions(
        image=parsed.arguments[0],
        command=tuple(parsed.arguments[1:]),
        name=parsed.string("name"),
        labels=labels(parsed.strings("label-file"), parsed.strings("label")),
        annotations=parsed.mapping("annotation"),
        hostname=parsed.string("hostname"),
        domainname=parsed.string("domainname"),
        cidfile=parsed.string("cidfile"),
        platform=_platform(parsed.string("platform") or os.environ.get("DOCKER_DEFAULT_PLATFORM", "")),
        runtime=parsed.string("runtime"),
        pull=_pull(parsed.string("pull")),
        log_driver=parsed.string("log-driver"),
        log_options=_log_options(parsed.string("log-driver"), parsed.strings("log-opt")),
        healthcheck=health(parsed),
        mounts=mounts(parsed),
        volumes_from=parsed.strings("volumes-from"),
        read_only=parsed.boolean("read-only"),
    )
    return _with_limits(_with_security(_with_network(_with_process(options, parsed), parsed), parsed), parsed)


def _with_process(options: RunOptions, parsed: Parsed) -> RunOptions:
    entrypoint: tuple[str, ...] | None = None
    if parsed.is_given("entrypoint"):
        entrypoint = (parsed.string("entrypoint"),) if parsed.string("entrypoint") else ()
    return options._replace(
        entrypoint=entrypoint,
        env=environment(parsed.strings("env-file"), parsed.strings("env")),
        user=parsed.string("user"),
        groups=parsed.strings("group-add"),
        working_dir=_working_dir(parsed.string("workdir")),
        tty=parsed.boolean("tty"),
        interactive=parsed.boolean("interactive"),
        attach=_attached(parsed),
        remove=parsed.boolean("rm"),
        init=parsed.boolean("init") if parsed.is_given("init") else None,
        restart=read_restart(parsed.string("restart")),
        restart_unhealthy=parsed.boolean("restart-unhealthy"),
        stop_signal=parsed.string("stop-signal"),
        stop_timeout=parsed.integer("stop-timeout") if parsed.is_given("stop-timeout") else None,
    )


def _attached(parsed: Parsed) -> tuple[str, ...]:
    """The streams that the container is made for: none with -d, both outputs without -a, and the input with -i."""
    if "detach" in parsed.given and parsed.boolean("detach"):
        return ()
    asked = parsed.strings("attach") or ("stdout", "stderr")
    return ("stdin", *asked) if parsed.boolean("interactive") and "stdin" not in asked else asked


def _with_network(options: RunOptions, parsed: Parsed) -> RunOptions:
    choices = _network_choices(parsed)
    choice = choices[0]
    single = NetworkChoice(choice.name, choice.aliases, choice.ip, "", choice.mac_address)
    search = parsed.strings("dns-search")
    return options._replace(
        network=choice.name,
        networks=choices if choices != (single,) else None,
        network_aliases=choice.aliases,
        ip=choice.ip,
        mac_address=choice.mac_address,
        ports=tuple(binding for text in parsed.strings("publish") for binding in read_publish(text)),
        publish_all=parsed.boolean("publish-all"),
        expose=tuple(port for text in parsed.strings("expose") for port in read_expose(text)),
        dns=parsed.strings("dns"),
        dns_search=search,
        dns_options=parsed.strings("dns-option"),
        extra_hosts=parsed.strings("add-host"),
    )


def _network_choices(parsed: Parsed) -> tuple[NetworkChoice, ...]:
    if not any(parsed.is_given(name) for name in _ABOUT_NETWORKS):
        return (NetworkChoice("bridge"),)
    from sampan.cli.values import networks

    return networks.network_choices(parsed)


_ABOUT_NETWORKS = ("network", "network-alias", "ip", "ip6", "mac-address", "link", "link-local-ip")


def _with_security(options: RunOptions, parsed: Parsed) -> RunOptions:
    pid = parsed.string("pid")
    if pid not in ("", "host") and (not pid.startswith("container:") or pid == "container:"):
        raise OptionError("--pid: invalid PID mode")
    if parsed.string("uts") not in ("", "host"):
        raise OptionError("--uts: invalid UTS mode")
    if parsed.string("cgroupns") not in ("", "host", "private"):
        raise OptionError("--cgroupns: invalid CGROUP mode")
    return options._replace(
        privileged=parsed.boolean("privileged"),
        cap_add=parsed.strings("cap-add"),
        cap_drop=parsed.strings("cap-drop"),
        security_options=_security_options(parsed.strings("security-opt")),
        devices=tuple(read_device(text) for text in parsed.strings("device") if not is_cdi_name(text)),
        cdi_devices=tuple(text for text in parsed.strings("device") if is_cdi_name(text)),
        gpus=_gpus(parsed.string("gpus")),
        device_cgroup_rules=parsed.strings("device-cgroup-rule"),
        sysctls=parsed.mapping("sysctl"),
        pid_mode=parsed.string("pid"),
        ipc_mode=_ipc_mode(parsed.string("ipc")),
        uts_mode=parsed.string("uts"),
        userns_mode=parsed.string("userns"),
        cgroupns_mode=parsed.string("cgroupns"),
        cgroup_parent=parsed.string("cgroup-parent"),
    )


def _gpus(text: str) -> str:
    """Raises OptionError."""
    if text:
        from sampan.containers.cdi import read_gpus

        try:
            read_gpus(text)
        except ValueError as problem:
            raise OptionError(f'invalid argument "{text}" for "--gpus" flag: {problem}') from None
    return text


def _security_options(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Raises OptionError for what has no value where one is needed, and for a seccomp profile that can't be read."""
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or (not equals and ":" not in text and text != "no-new-privileges"):
            raise OptionError(f'Invalid --security-opt: "{text}"')
        if key == "seccomp" and value not in ("", "unconfined", "builtin"):
            try:
                os.close(os.open(value, os.O_RDONLY | os.O_CLOEXEC))
            except OSError as error:
                reason = f"open {value}: {(error.strerror or '').lower()}"
                raise OptionError(f"opening seccomp profile ({value}) failed: {reason}") from error
    return texts


def limits(parsed: Parsed) -> dict[str, Any]:
    """The fields of RunOptions, and of UpdateOptions, that LIMIT_FLAGS give as they are."""
    return {
        "memory_reservation_bytes": parsed.integer("memory-reservation"),
        "memory_swap_bytes": parsed.integer("memory-swap"),
        "nano_cpus": parsed.integer("cpus"),
        "cpu_shares": parsed.integer("cpu-shares"),
        "cpu_period": parsed.integer("cpu-period"),
        "cpu_quota": parsed.integer("cpu-quota"),
        "cpuset_cpus": parsed.string("cpuset-cpus"),
        "cpuset_mems": parsed.string("cpuset-mems"),
        "cpu_realtime_period": parsed.integer("cpu-rt-period"),
        "cpu_realtime_runtime": parsed.integer("cpu-rt-runtime"),
    }


def _with_limits(options: RunOptions, parsed: Parsed) -> RunOptions:
    return options._replace(
        **limits(parsed),
        ulimits=parsed.items("ulimit", Ulimit),
        memory_bytes=parsed.integer("memory") or (-1 if parsed.is_given("memory") else 0),
        pids_limit=parsed.integer("pids-limit") or (-1 if parsed.is_given("pids-limit") else 0),
        memory_swappiness=_swappiness(parsed.integer("memory-swappiness")),
        blkio_weight_devices=parsed.items("blkio-weight-device", DeviceLimit),
        device_read_bps=parsed.items("device-read-bps", DeviceLimit),
        device_write_bps=parsed.items("device-write-bps", DeviceLimit),
        device_read_iops=parsed.items("device-read-iops", DeviceLimit),
        device_write_iops=parsed.items("device-write-iops", DeviceLimit),
        shm_size_bytes=parsed.integer("shm-size"),
        oom_score_adj=parsed.integer("oom-score-adj"),
        oom_kill_disable=parsed.boolean("oom-kill-disable"),
    )


def _swappiness(value: int) -> int:
    if not -1 <= value <= 100:
        raise OptionError(f"invalid value: {value}. Valid memory swappiness range is 0-100")
    return value


def mounts(parsed: Parsed) -> tuple[Mount, ...]:
    """Every mount that -v, --mount and --tmpfs ask for, in this order."""
    return (
        *(read_volume(text) for text in parsed.strings("volume")),
        *(mount_rules.check(mount) for mount in parsed.items("mount", Mount)),
        *(read_tmpfs(text) for text in parsed.strings("tmpfs")),
    )


def health(parsed: Parsed) -> HealthConfig | None:
    """The HEALTHCHECK that the flags make, None when no flag speaks of it."""
    names = ("cmd", "interval", "retries", "start-interval", "start-period", "timeout")
    given = any(parsed.string("health-cmd") if name == "cmd" else parsed.integer(f"health-{name}") for name in names)
    if parsed.boolean("no-healthcheck"):
        if given:
            raise OptionError("--no-healthcheck conflicts with --health-* options")
        return HealthConfig(test=("NONE",))
    if not given:
        return None
    for name in names[1:]:
        if parsed.integer(f"health-{name}") < 0:
            raise OptionError(f"--health-{name} cannot be negative")
        if name != "retries" and 0 < parsed.integer(f"health-{name}") < 10**6:
            raise InvalidArgument(f"{_HEALTH_FIELDS[name]} in Healthcheck cannot be less than 1ms")
    command = parsed.string("health-cmd")
    return HealthConfig(
        test=("CMD-SHELL", command) if command else (),
        interval_ns=parsed.integer("health-interval"),
        timeout_ns=parsed.integer("health-timeout"),
        start_period_ns=parsed.integer("health-start-period"),
        start_interval_ns=parsed.integer("health-start-interval"),
        retries=parsed.integer("health-retries"),
    )


_HEALTH_FIELDS = {
    "interval": "Interval",
    "start-interval": "StartInterval",
    "start-period": "StartPeriod",
    "timeout": "Timeout",
}


def _check_conflicts(parsed: Parsed) -> None:
    if parsed.boolean("rm") and parsed.string("restart").partition(":")[0] not in ("", "no"):
        raise OptionError("conflicting options: cannot specify both --restart and --rm")
    if parsed.boolean("rm") and parsed.boolean("restart-unhealthy"):
        raise OptionError("conflicting options: cannot specify both --restart-unhealthy and --rm")


_REFUSED = ("use-api-socket",)


def _refuse_unsupported(parsed: Parsed) -> None:
    """Flags of docker's that sampan has nothing for, unless they ask for what is done anyway."""
    for name in _REFUSED:
        if parsed.is_given(name):
            raise Unsupported(f"--{name} is not supported by this version of sampan")
    for name in WINDOWS_FLAGS:
        if parsed.is_given(name):
            raise ClientError(
                f'"--{name}" is only supported on a Docker daemon running on windows, but the Docker daemon is running'
                " on linux"
            )
    for text in parsed.strings("storage-opt"):
        if text.partition("=")[0].lower() != "size":
            raise InvalidArgument(f"Unknown option {text.partition('=')[0]}")
        raise Unsupported(
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
            hint="let what grows go into a volume in memory: volume create -o type=tmpfs -o device=tmpfs -o o=size=1g",
        )
    if parsed.string("isolation") not in ("", "default"):
        raise InvalidArgument(f"invalid isolation ({parsed.string('isolation')}): linux only supports 'default'")
    driver = parsed.string("volume-driver")
    if driver not in ("", "local"):
        raise NotFound(f'error looking up volume plugin {driver}: plugin "{driver}" not found')
    if parsed.string("userns") not in ("", "host"):
        raise OptionError("--userns: invalid USER mode")


def _platform(text: str) -> str:
    """Raises OptionError."""
    if text:
        from sampan.oci import platform

        try:
            platform.parse(text, platform.host_platform(os.uname().machine))
        except InvalidArgument as error:
            raise OptionError(f"error parsing specified platform: {error.message}") from error
    return text


def _working_dir(path: str) -> str:
    if path and not path.startswith("/"):
        raise InvalidArgument(f"the working directory '{path}' is invalid, it needs to be an absolute path")
    return path


def _pull(when: str) -> str:
    if when not in ("always", "missing", "never", ""):
        raise OptionError(f'invalid pull option: \'{when}\': must be one of "always", "missing" or "never"')
    return when or "missing"


def _ipc_mode(mode: str) -> str:
    if mode not in ("", "none", "private", "shareable", "host") and not mode.startswith("container:"):
        raise InvalidArgument(f"invalid IPC mode: {mode}")
    return mode


def _log_options(driver: str, texts: tuple[str, ...]) -> Mapping[str, str]:
    if driver == "none" and texts:
        raise OptionError("invalid logging opts for driver none")
    options: dict[str, str] = {}
    for text in texts:
        key, _, value = text.partition("=")
        options[key] = value
    return options
