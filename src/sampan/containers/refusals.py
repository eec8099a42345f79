"""What is refused before anything is made, in the words of Docker's engine."""

import os

from sampan.containers import security
from sampan.containers.options import RunOptions
from sampan.errors import InvalidArgument, Unsupported

_MINIMUM_MEMORY = 6 << 20


def check(options: RunOptions, cpus: int) -> None:
    """Raises InvalidArgument, NotFound or Unsupported for options that no container can have. `cpus` is how many the
    host has."""
    check_limits(options, cpus)
    _check_network(options)
    if not -1000 <= options.oom_score_adj <= 1000:
        raise InvalidArgument(f"Invalid value {options.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if options.stop_signal:
        from sampan.containers import signals

        signals.number(options.stop_signal)
    if options.log_driver not in ("", "json-file") or options.log_options:
        from sampan.containers.logs import drivers as logdrivers

        logdrivers.check(options)
    security.capabilities(options)
    security.parse_options(options.security_options)
    for name in options.annotations:
        if name.startswith("run.oci."):
            # These steer crun itself: one of them would replace the seccomp filter.
            raise InvalidArgument(f"annotation {name} is not allowed: run.oci. belongs to the runtime")


def check_limits(options: RunOptions, cpus: int) -> None:
    """The part of `check` about memory and CPUs."""
    _check_memory(options)
    _check_cpus(options, cpus)
    _check_rest(options)


def _check_memory(options: RunOptions) -> None:
    if options.memory_bytes and options.memory_bytes < _MINIMUM_MEMORY:
        raise InvalidArgument("Minimum memory limit allowed is 6MB")
    if 0 < options.memory_swap_bytes < options.memory_bytes:
        raise InvalidArgument("Minimum memoryswap limit should be larger than memory limit, see usage")
    if options.memory_swap_bytes > 0 and not options.memory_bytes:
        raise InvalidArgument("You should always set the Memory limit when using Memoryswap limit, see usage")
    if options.memory_bytes and options.memory_reservation_bytes > options.memory_bytes:
        raise InvalidArgument("Minimum memory limit can not be less than memory reservation limit, see usage")


def _check_rest(options: RunOptions) -> None:
    """Limits that few ask for."""
    if not -1 <= options.memory_swappiness <= 100:
        raise InvalidArgument(f"Invalid value: {options.memory_swappiness}, valid memory swappiness range is 0-100")
    if "" in options.annotations:
        raise InvalidArgument("invalid Annotations: the empty string is not permitted as an annotation key")
    if options.cpu_realtime_period or options.cpu_realtime_runtime:
        _check_realtime(options)
    for limit in options.blkio_weight_devices:
        if not any(os.path.exists(path) for path in _WEIGHT_FILES):
            raise Unsupported(
                f"--blkio-weight-device {limit.path}: the kernel of this host has no weights of block devices",
                hint="--device-read-bps and --device-write-bps limit a device",
            )


def _check_realtime(options: RunOptions) -> None:
    if not os.path.exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"):
        raise Unsupported("Your kernel does not support CPU real-time scheduler")
    if options.cpu_realtime_period and options.cpu_realtime_runtime > options.cpu_realtime_period:
        raise InvalidArgument("cpu real-time runtime cannot be higher than cpu real-time period")


_WEIGHT_FILES = (
    "/sys/fs/cgroup/blkio/blkio.weight_device",
    "/sys/fs/cgroup/blkio/blkio.bfq.weight_device",
)


def _check_cpus(options: RunOptions, cpus: int) -> None:
    if options.cpu_period and not 1000 <= options.cpu_period <= 10**6:
        raise InvalidArgument("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < options.cpu_quota < 1000:
        raise InvalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if options.nano_cpus and (options.cpu_quota or options.cpu_period):
        other = "Quota" if options.cpu_quota else "Period"
        raise InvalidArgument(f"Conflicting options: Nano CPUs and CPU {other} cannot both be set")
    if options.nano_cpus < 0 or options.nano_cpus > cpus * 10**9:
        raise InvalidArgument(f"range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available")
    for what, text in (("cpus", options.cpuset_cpus), ("mems", options.cpuset_mems)):
        if text:
            _check_set(what, text)


def _check_set(what: str, text: str) -> None:
    wanted = _numbers(text)
    if wanted is None:
        raise InvalidArgument(f"Invalid value {text} for cpuset {what}: invalid format: {text}")
    available = _available(what)
    if not wanted <= (_numbers(available) or wanted):
        noun = "CPUs" if what == "cpus" else "memory nodes"
        raise InvalidArgument(f"Requested {noun} are not available - requested {text}, available: {available}")


def _numbers(text: str) -> set[int] | None:
    """The numbers of a list such as 0-2,4; None for a malformed one."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(first + last) > 8:
            return None
        found.update(range(int(first), int(last or first) + 1))
    return found


def _available(what: str) -> str:
    """The list that the kernel lets containers choose from."""
    for path in (f"/sys/fs/cgroup/cpuset.{what}.effective", f"/sys/fs/cgroup/cpuset/cpuset.{what}"):
        try:
            with open(path) as file:
                return file.read().strip()
        except FileNotFoundError:
            continue
    return ""


def _check_network(options: RunOptions) -> None:
    if options.network == "container:":
        raise InvalidArgument("invalid network mode: invalid container format container:<name|id>")
    if options.uts_mode == "host":
        for name in ("hostname", "domainname"):
            if getattr(options, name):
                raise InvalidArgument(f"conflicting options: {name} and the UTS mode")
    if options.network_aliases and options.network in ("bridge", "default", "host", "none"):
        raise InvalidArgument(
            "network-scoped aliases are only supported for user-defined networks",
            hint="sampan network create NAME, then --network NAME",
        )
    if not options.network.startswith("container:"):
        return
    conflicts = (
        (options.hostname, "hostname and the network mode"),
        (options.dns, "dns and the network mode"),
        (options.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (options.mac_address, "mac-address and the network mode"),
        (options.ports or options.publish_all, "port publishing and the container type network mode"),
        (options.expose, "port exposing and the container type network mode"),
    )
    for is_given, text in conflicts:
        if is_given:
            raise InvalidArgument(f"conflicting options: {text}")
