"""The flags of `run` and `create`."""

from sampan.cli.flags import Flag
from sampan.cli.kinds import (
    BOOL,
    BYTES,
    DECIMAL,
    DURATION,
    INT,
    LABELS,
    LIST,
    MAP,
    STRING,
    SWAP_BYTES,
    UINT16,
    Kind,
)
from sampan.cli.values.addresses import read_extra_host, read_ip, read_network, read_search_domain
from sampan.cli.values.environment import ENV
from sampan.cli.values.limits import (
    read_byte_rate,
    read_device_rule,
    read_rate,
    read_stream,
    read_sysctl,
    read_ulimit,
    read_weight,
)
from sampan.cli.values.mount_fields import read_mount

ATTACH = Kind("list", read_stream, gathers="list", zero=())
BYTE_RATES = Kind("list", read_byte_rate, gathers="list", zero=())
DEVICE_RULES = Kind("list", read_device_rule, gathers="list", zero=())
DNS = Kind("list", read_ip, gathers="list", zero=())
DNS_SEARCH = Kind("list", read_search_domain, gathers="list", zero=())
EXTRA_HOST = Kind("list", read_extra_host, gathers="list", zero=())
MOUNT = Kind("mount", read_mount, gathers="list", zero=())
NETWORK = Kind("network", read_network, gathers="list", zero=())
RATES = Kind("list", read_rate, gathers="list", zero=())
SYSCTL = Kind("map", read_sysctl, gathers="map", zero={})
ULIMIT = Kind("ulimit", read_ulimit, gathers="list", zero=())
WEIGHTS = Kind("list", read_weight, gathers="list", zero=())

WINDOWS_FLAGS = ("cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops")

_IDENTITY = (
    Flag("annotation", MAP, "Annotation of the runtime's configuration"),
    Flag("cidfile", STRING, "Write the container's ID to this file, which must not exist"),
    Flag("domainname", STRING, "NIS domain name inside"),
    Flag("hostname", STRING, "Host name inside; the short ID by default", "h"),
    Flag("label", LABELS, "Label, KEY=VALUE or KEY", "l"),
    Flag("label-file", LIST, "File of labels, one a line"),
    Flag("name", STRING, "Name of the container; a random one by default"),
    Flag("platform", STRING, "Platform of the image, os[/arch[/variant]]"),
    Flag("pull", STRING, 'When to fetch the image: "always", "missing" or "never"', default="missing"),
    Flag("quiet", BOOL, "Show no progress while the image is fetched", "q"),
    Flag("runtime", STRING, "OCI runtime to use, crun or runc"),
)

_PROCESS = (
    Flag("attach", ATTACH, "Connect only these of STDIN, STDOUT and STDERR", "a"),
    Flag("entrypoint", STRING, "Program to use in place of the image's; '' for none"),
    Flag("env", ENV, "Environment variable, KEY=VALUE, or KEY to pass on its value here", "e"),
    Flag("env-file", LIST, "File of environment variables, one a line"),
    Flag("group-add", LIST, "More groups of the process"),
    Flag("init", BOOL, "Put an init before the process that reaps and passes signals on"),
    Flag("interactive", BOOL, "Keep stdin open", "i"),
    Flag(
        "restart", STRING, 'When to start it again: "no", "on-failure[:N]", "always" or "unless-stopped"', default="no"
    ),
    Flag("restart-unhealthy", BOOL, "Also start it again when its health check says unhealthy"),
    Flag("rm", BOOL, "Remove the container and its anonymous volumes when it ends"),
    Flag("stop-signal", STRING, "Signal that stops it"),
    Flag("stop-timeout", INT, "Seconds between that signal and KILL, -1 for ever"),
    Flag("tty", BOOL, "Give it a terminal", "t"),
    Flag("user", STRING, "User of the process: NAME|UID[:GROUP|GID]", "u"),
    Flag("workdir", STRING, "Working directory, made when it is missing", "w"),
)

_NETWORK = (
    Flag("add-host", EXTRA_HOST, "Line of /etc/hosts, NAME:IP"),
    Flag("dns", DNS, "Address of a name server"),
    Flag("dns-opt", LIST, "", sets="dns-option", hidden=True),
    Flag("dns-option", LIST, "Option of the resolver"),
    Flag("dns-search", DNS_SEARCH, "Search domain; '.' for none"),
    Flag("expose", LIST, "Port or range that -P publishes, such as 80/tcp"),
    Flag("ip", STRING, "IPv4 address in a network of one's own"),
    Flag("ip6", STRING, "IPv6 address in a network of one's own"),
    Flag("link", LIST, "Old-style link to another container, NAME[:ALIAS]"),
    Flag("mac-address", STRING, "MAC address, such as 92:d0:c6:0a:29:33"),
    Flag("net", NETWORK, "", sets="network", hidden=True),
    Flag("net-alias", LIST, "", sets="network-alias", hidden=True),
    Flag("network", NETWORK, "Network: bridge, host, none, container:ID or a name"),
    Flag("network-alias", LIST, "Other name of the container within its network"),
    Flag("publish", LIST, "Publish a port on the host: [IP:][HOST:]CONTAINER[/udp]", "p"),
    Flag("publish-all", BOOL, "Publish every exposed port on a free port of the host", "P"),
)

_FILES = (
    Flag("mount", MOUNT, "Mount, type=bind|volume|tmpfs|image,src=SOURCE,dst=PATH[,ro]"),
    Flag("read-only", BOOL, "Make the root file system read-only"),
    Flag("shm-size", BYTES, "Size of /dev/shm, 64m by default"),
    Flag("tmpfs", LIST, "File system in memory, PATH[:OPTIONS]"),
    Flag("volume", LIST, "Mount a path or a named volume, [SOURCE:]PATH[:ro]", "v"),
    Flag("volumes-from", LIST, "Mount what another container has mounted, NAME[:ro]"),
)

_SECURITY = (
    Flag("cap-add", LIST, "Capability to add, or ALL"),
    Flag("cap-drop", LIST, "Capability to drop, or ALL"),
    Flag("cgroup-parent", STRING, "Parent of the container's cgroup"),
    Flag("cgroupns", STRING, "Cgroup namespace: host or private"),
    Flag("device", LIST, "Device, HOST[:CONTAINER[:rwm]], or a CDI name such as vendor.com/gpu=0"),
    Flag("device-cgroup-rule", DEVICE_RULES, "Rule of the device cgroup, such as 'c 42:* rmw'"),
    Flag("gpus", STRING, "Graphics processors to pass on: all, a number, or device=0,..."),
    Flag("ipc", STRING, "IPC namespace: private, shareable, host, none or container:ID"),
    Flag("pid", STRING, "PID namespace: host or container:ID"),
    Flag("privileged", BOOL, "Give it all capabilities and devices"),
    Flag("security-opt", LIST, "Security option, such as seccomp=FILE or no-new-privileges"),
    Flag("sysctl", SYSCTL, "Kernel setting of the container's namespaces, KEY=VALUE"),
    Flag("userns", STRING, "User namespace: host"),
    Flag("uts", STRING, "UTS namespace: host"),
)

LIMIT_FLAGS = (
    Flag("cpu-period", INT, "Period of the CPU quota in microseconds"),
    Flag("cpu-quota", INT, "Microseconds of CPU in each period"),
    Flag("cpu-rt-period", INT, "Period of the CPU's real-time scheduler in microseconds"),
    Flag("cpu-rt-runtime", INT, "Microseconds of real-time scheduling in each period"),
    Flag("cpu-shares", INT, "Weight of its share of the CPUs, 1024 is normal", "c"),
    Flag("cpus", DECIMAL, "How many CPUs it may use, such as 1.5"),
    Flag("cpuset-cpus", STRING, "CPUs it may use, such as 0-2,4"),
    Flag("cpuset-mems", STRING, "Memory nodes it may use"),
    Flag("memory", BYTES, "Memory it may use, such as 64m", "m"),
    Flag("memory-reservation", BYTES, "Memory that is kept for it when memory is short"),
    Flag("memory-swap", SWAP_BYTES, "Memory and swap together; -1 for no limit"),
    Flag("pids-limit", INT, "Most processes, -1 for no limit"),
)
"""Limits that `update` changes too."""

_LIMITS = (
    *LIMIT_FLAGS,
    Flag("blkio-weight-device", WEIGHTS, "Weight of a block device, PATH:WEIGHT"),
    Flag("device-read-bps", BYTE_RATES, "Bytes a second that it may read from a device, such as /dev/sda:1mb"),
    Flag("device-read-iops", RATES, "Reads a second from a device, such as /dev/sda:100"),
    Flag("device-write-bps", BYTE_RATES, "Bytes a second that it may write to a device"),
    Flag("device-write-iops", RATES, "Writes a second to a device"),
    Flag("memory-swappiness", INT, "How readily its memory is swapped, 0 to 100", default=-1),
    Flag("oom-kill-disable", BOOL, "Let it wait instead of killing it when its memory is used up"),
    Flag("oom-score-adj", INT, "Preference for being killed when the host's memory is used up, -1000 to 1000"),
    Flag("ulimit", ULIMIT, "Limit of the process, NAME=SOFT[:HARD]"),
)

_HEALTH = (
    Flag("health-cmd", STRING, "Shell command that tells whether it is healthy"),
    Flag("health-interval", DURATION, "Time between two checks, such as 30s"),
    Flag("health-retries", INT, "Failures in a row that make it unhealthy"),
    Flag("health-start-interval", DURATION, "Time between two checks while it starts"),
    Flag("health-start-period", DURATION, "Time to start in which failures do not count"),
    Flag("health-timeout", DURATION, "Longest time of a check"),
    Flag("no-healthcheck", BOOL, "Ignore the image's HEALTHCHECK"),
)

_LOGS = (
    Flag("log-driver", STRING, "Where its output goes: json-file, local, journald or none"),
    Flag("log-opt", LIST, "Option of the log driver, KEY=VALUE"),
)

# Flags of docker's that are read to say clearly what they can't do.
_REFUSED = (
    Flag("blkio-weight", UINT16, "", hidden=True),
    Flag("disable-content-trust", BOOL, "", default=True, hidden=True),
    Flag("isolation", STRING, "", hidden=True),
    Flag("kernel-memory", BYTES, "", hidden=True),
    *(Flag(name, STRING, "", hidden=True) for name in WINDOWS_FLAGS),
    Flag("link-local-ip", LIST, "", hidden=True),
    Flag("storage-opt", LIST, "", hidden=True),
    Flag("use-api-socket", BOOL, "", hidden=True),
    Flag("volume-driver", STRING, "", hidden=True),
)

CREATE_FLAGS: tuple[Flag, ...] = (
    *_IDENTITY,
    *_PROCESS,
    *_NETWORK,
    *_FILES,
    *_SECURITY,
    *_LIMITS,
    *_HEALTH,
    *_LOGS,
    *_REFUSED,
)

RUN_FLAGS: tuple[Flag, ...] = (
    *CREATE_FLAGS,
    Flag("detach", BOOL, "Print the ID and leave it running in the background", "d"),
    Flag("detach-keys", STRING, "Keys that leave the container running, ctrl-p,ctrl-q by default"),
    Flag("sig-proxy", BOOL, "Pass the signals that arrive here on to the process", default=True),
    Flag("timings", BOOL, "Print to stderr where the milliseconds of the start went"),
)
