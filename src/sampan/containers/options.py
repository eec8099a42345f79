"""What can be asked of a container, one options value per verb, shared by CLI, API and Python."""

from collections.abc import Mapping

from sampan.oci.config import HealthConfig
from sampan.values import NamedTuple


class Mount(NamedTuple):
    """A mount that was asked for. `type` is bind, volume, tmpfs or image.

    `source` is a host path (bind), a volume's name ("" = anonymous), an image's name or "" (tmpfs). `options` are tmpfs
    options such as "size=1m". `create_source` makes a missing bind source, as -v does and --mount does not. `subpath`
    is the part of a volume or image that is mounted, "" = all of it. The driver's name, options and labels are those of
    a volume that the mount makes.
    """

    type: str
    source: str
    target: str
    read_only: bool = False
    options: tuple[str, ...] = ()
    propagation: str = ""
    no_copy: bool = False
    create_source: bool = False
    relabel: str = ""  # the z or Z of -v, shown by inspect, no effect without SELinux
    long_form: bool = False  # written as --mount and not as -v or --tmpfs: inspect shows it elsewhere
    subpath: str = ""
    recursive: str = ""  # of a bind: "", disabled, writable or readonly; "" = read-only as far as it is possible
    driver: str = ""
    driver_options: Mapping[str, str] = {}
    volume_labels: Mapping[str, str] = {}


class PortBinding(NamedTuple):
    """One published port. `host_port` 0 asks for an ephemeral one; `host_ip` "" means all addresses.

    `host_port_end` above `host_port` asks for the first free one of the range, both ends included.
    """

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int = 0
    host_port_end: int = 0


class NetworkChoice(NamedTuple):
    """A network that a container is to be in, and its place there; "" and () leave the choice to sampan.

    `links` are "container:alias", names that it alone knows. The network with the highest `gateway_priority` is the way
    to everywhere.
    """

    name: str
    aliases: tuple[str, ...] = ()
    ip: str = ""
    ip6: str = ""
    mac_address: str = ""
    links: tuple[str, ...] = ()
    link_local_ips: tuple[str, ...] = ()
    driver_options: Mapping[str, str] = {}
    gateway_priority: int = 0


class Ulimit(NamedTuple):
    name: str
    soft: int
    hard: int


class Device(NamedTuple):
    host_path: str
    container_path: str
    permissions: str = "rwm"


class DeviceLimit(NamedTuple):
    """A limit of one block device of the host: bytes or operations a second, or a weight."""

    path: str
    value: int


class RestartPolicy(NamedTuple):
    name: str = "no"
    maximum_retries: int = 0


class RunOptions(NamedTuple):
    """Options of `create` and `run`. None, "", 0 and () mean: as the image says, the settings, or Docker.

    Sizes in bytes, `nano_cpus` in 1e-9 CPUs, `stop_timeout` in seconds. `user` is "name|uid[:group|gid]".
    """

    image: str
    command: tuple[str, ...] = ()
    name: str = ""
    entrypoint: tuple[str, ...] | None = None  # () clears the image's
    env: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    user: str = ""
    groups: tuple[str, ...] = ()
    working_dir: str = ""
    hostname: str = ""
    domainname: str = ""
    tty: bool = False
    interactive: bool = False
    attach: tuple[str, ...] = ()  # of stdin, stdout, stderr; () = as interactive and detach say
    remove: bool = False
    init: bool | None = None
    network: str = "bridge"  # none, bridge, host, container:ID, or a network's name
    networks: tuple[NetworkChoice, ...] | None = None  # all that it is in, None = `network` alone
    network_aliases: tuple[str, ...] = ()
    ip: str = ""
    mac_address: str = ""
    ports: tuple[PortBinding, ...] = ()
    publish_all: bool = False
    publish_address: str = ""  # of this host, for published ports that name none; "" = all
    expose: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()  # "name:ip"
    mounts: tuple[Mount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    read_only: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_options: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    cdi_devices: tuple[str, ...] = ()  # vendor.com/class=name
    gpus: str = ""  # as --gpus says it
    device_cgroup_rules: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = {}
    ulimits: tuple[Ulimit, ...] = ()
    memory_bytes: int = 0  # -1 = no limit, whatever the settings say
    memory_reservation_bytes: int = 0
    memory_swap_bytes: int = 0  # memory and swap together, -1 = no limit
    nano_cpus: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids_limit: int = 0  # -1 = no limit, whatever the settings say
    memory_swappiness: int = -1  # 0 to 100, -1 = as the host's
    blkio_weight_devices: tuple[DeviceLimit, ...] = ()
    device_read_bps: tuple[DeviceLimit, ...] = ()
    device_write_bps: tuple[DeviceLimit, ...] = ()
    device_read_iops: tuple[DeviceLimit, ...] = ()
    device_write_iops: tuple[DeviceLimit, ...] = ()
    cpu_realtime_period: int = 0  # microseconds
    cpu_realtime_runtime: int = 0
    shm_size_bytes: int = 0
    oom_score_adj: int = 0
    oom_kill_disable: bool = False
    pid_mode: str = ""
    ipc_mode: str = ""
    uts_mode: str = ""
    userns_mode: str = ""  # host, which is what there is
    cgroupns_mode: str = ""
    cgroup_parent: str = ""
    restart: RestartPolicy = RestartPolicy()
    restart_unhealthy: bool = False  # end it when its health check fails, and start it again
    stop_signal: str = ""
    stop_timeout: int | None = None
    healthcheck: HealthConfig | None = None  # fields that are set win over the image's
    runtime: str = ""
    platform: str = ""
    pull: str = "missing"  # always, missing, never
    log_driver: str = ""
    log_options: Mapping[str, str] = {}
    cidfile: str = ""

    @property
    def connections(self) -> tuple[NetworkChoice, ...]:
        """The networks that it has an interface in, none where the network is the host's or another container's."""
        if self.networks is not None:
            return self.networks
        if self.network in ("none", "host") or self.network.startswith("container:"):
            return ()
        return (NetworkChoice(self.network, self.network_aliases, self.ip, "", self.mac_address),)


class UpdateOptions(NamedTuple):
    """What `update` changes, in the units of RunOptions. 0, "" and None leave it as it is; `pids_limit` -1 and 0 take
    the limit away."""

    memory_bytes: int = 0
    memory_reservation_bytes: int = 0
    memory_swap_bytes: int = 0
    nano_cpus: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    pids_limit: int | None = None
    restart: RestartPolicy | None = None


class ExecOptions(NamedTuple):
    """Options of `exec`."""

    command: tuple[str, ...]
    tty: bool = False
    interactive: bool = False
    detach: bool = False
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    privileged: bool = False


class LogOptions(NamedTuple):
    """Options of `logs`. `since` and `until` in ns since the epoch, 0 = open; `tail` -1 = all lines."""

    follow: bool = False
    since: int = 0
    until: int = 0
    tail: int = -1
    timestamps: bool = False
    details: bool = False  # the attributes that --log-opt labels, env and tag chose
