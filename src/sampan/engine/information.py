"""What `info` and `version` tell: this host, this store, the programs in use. Shapes of Docker's API."""

import os
import platform
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import sampan
from sampan.containers import cdi
from sampan.containers.timestamp import rfc3339
from sampan.errors import Unsupported
from sampan.linux import process
from sampan.oci.platform import host_platform
from sampan.runtime import probe
from sampan.settings import sources
from sampan.settings.model import AddressPool, Loaded, Registry, Settings
from sampan.storage.database import Database
from sampan.storage.paths import Paths

API_VERSION, MINIMUM_API_VERSION = "1.51", "1.24"
_RUNTIMES = ("crun", "runc")
_RUNNING, _PAUSED = ("running", "restarting"), ("paused",)


def information(database: Database, paths: Paths) -> dict[str, Any]:
    """The document of `docker info`, of what there is here."""
    loaded = sources.load(paths.settings)
    version = probe.cgroup_version()
    abilities = _abilities(version)
    return {
        "ID": paths.key,
        **_counts(database),
        **_storage(paths),
        **abilities,
        **_process(),
        **_host(),
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": str(version),
        "ServerVersion": sampan.__version__,
        **_tools(loaded.settings),
        **_settings(loaded),
        **_WITHOUT_MEANING,
        "Warnings": warnings(abilities),
    }


def _counts(database: Database) -> dict[str, Any]:
    states = {str(row[0]): int(row[1] or 0) for row in database.rows(_STATES)}
    images = database.row("SELECT count(*) FROM image")
    running, paused = _sum(states, _RUNNING), _sum(states, _PAUSED)
    return {
        "Containers": sum(states.values()),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": sum(states.values()) - running - paused,
        "Images": int(images[0] or 0) if images else 0,
    }


def _storage(paths: Paths) -> dict[str, Any]:
    return {"Driver": "overlay2", "DriverStatus": _driver_status(paths), "DockerRootDir": paths.root}


def _process() -> dict[str, Any]:
    """This process and its environment, where Docker speaks of its daemon."""
    return {
        "NFd": len(os.listdir("/proc/self/fd")),
        "NGoroutines": threading.active_count(),
        "SystemTime": rfc3339(time.time_ns()),
        "HttpProxy": os.environ.get("HTTP_PROXY", ""),
        "HttpsProxy": os.environ.get("HTTPS_PROXY", ""),
        "NoProxy": os.environ.get("NO_PROXY", ""),
    }


def _host() -> dict[str, Any]:
    host = os.uname()
    return {
        "KernelVersion": host.release,
        "OperatingSystem": _release("PRETTY_NAME") or "Linux",
        "OSVersion": _release("VERSION_ID"),
        "OSType": "linux",
        "Architecture": host.machine,
        "NCPU": os.cpu_count() or 1,
        "MemTotal": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "Name": host.nodename,
    }


def _tools(settings: Settings) -> dict[str, Any]:
    """What the work is done with."""
    return {
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "ipvlan", "macvlan", "null"],
            "Authorization": None,
            "Log": _LOGS,
        },
        "Runtimes": {name: {"path": found.path} for name in _RUNTIMES if (found := probe.find(name)) is not None},
        "DefaultRuntime": settings.runtime or _default_runtime(),
        "InitBinary": _init(),
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "FirewallBackend": {"Driver": "nftables"},
        "CDISpecDirs": list(cdi.FOLDERS),
    }


def _settings(loaded: Loaded) -> dict[str, Any]:
    settings = loaded.settings
    return {
        "LoggingDriver": settings.log_driver,
        "RegistryConfig": _registries(settings.registries),
        **_pools(settings.address_pools),
        "SettingsFiles": list(loaded.files),
        "PublishLocalOnly": settings.publish_local_only,
    }


_STATES = "SELECT status, count(*) FROM container GROUP BY status"
_LOGS = ["journald", "json-file", "local", "none"]
_INDEX = "https://index.docker.io/v1/"
# Fields that clients look for, and that have one value where there is no daemon, no swarm and no Windows.
_WITHOUT_MEANING: Mapping[str, Any] = {
    "Debug": False,
    "NEventsListener": 0,
    "IndexServerAddress": _INDEX,
    "GenericResources": None,
    "Labels": [],
    "ExperimentalBuild": False,
    "Swarm": {
        "NodeID": "",
        "NodeAddr": "",
        "LocalNodeState": "inactive",
        "ControlAvailable": False,
        "Error": "",
        "RemoteManagers": None,
    },
    "LiveRestoreEnabled": True,
    "Isolation": "",
    "ContainerdCommit": {"ID": ""},
    "RuncCommit": {"ID": ""},
    "InitCommit": {"ID": ""},
}


def _registries(registries: Sequence[Registry]) -> dict[str, Any]:
    """The settings' registries beside Docker's own."""
    configs = {"docker.io": {"Name": "docker.io", "Mirrors": [], "Secure": True, "Official": True}}
    for one in registries:
        configs[one.name] = {
            "Name": one.name,
            "Mirrors": list(one.mirrors),
            "Secure": not one.insecure,
            "Official": one.name == "docker.io",
        }
    mirrors = [mirror for one in registries if one.name == "docker.io" for mirror in one.mirrors]
    return {
        "IndexConfigs": configs,
        "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"],
        "Mirrors": mirrors or None,
    }


def _pools(pools: Sequence[AddressPool]) -> dict[str, Any]:
    """Docker leaves the key out where its own pools hold."""
    return {"DefaultAddressPools": [{"Base": pool.base, "Size": pool.prefix_length} for pool in pools]} if pools else {}


def _sum(states: Mapping[str, int], names: tuple[str, ...]) -> int:
    return sum(states.get(name, 0) for name in names)


def _abilities(cgroup_version: int) -> dict[str, Any]:
    controllers = _controllers()
    has_cpu = "cpu" in controllers
    return {
        "MemoryLimit": "memory" in controllers,
        "SwapLimit": "memory" in controllers and (cgroup_version == 2 or os.path.exists(_SWAP_FILE)),
        "KernelMemoryTCP": os.path.exists(_TCP_FILE),
        "CpuCfsPeriod": has_cpu,
        "CpuCfsQuota": has_cpu,
        "CPUShares": has_cpu,
        "CPUSet": "cpuset" in controllers,
        "PidsLimit": "pids" in controllers,
        "IPv4Forwarding": _text("/proc/sys/net/ipv4/ip_forward").strip() == "1",
        "OomKillDisable": cgroup_version == 1,
    }


def _controllers() -> frozenset[str]:
    """Names of the cgroup controllers that the kernel has switched on."""
    lines = _text("/proc/cgroups").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    unified = _text("/sys/fs/cgroup/cgroup.controllers").split()
    return frozenset([*(row[0] for row in rows if row[3] == "1"), *unified])


def _release(key: str) -> str:
    """A value of os-release(5), "" where it has none."""
    for line in _text("/etc/os-release").splitlines():
        if line.startswith(key + "="):
            return line.partition("=")[2].strip('"')
    return ""


def _driver_status(paths: Paths) -> list[list[str]]:
    """As overlay2 tells it: layers are mounted without metacopy, redirect_dir and userxattr."""
    kind = _file_system(paths.root)
    return [
        ["Backing Filesystem", "extfs" if kind.startswith("ext") else kind],
        ["Supports d_type", "true"],
        ["Using metacopy", "false"],
        ["Native Overlay Diff", "true"],
        ["userxattr", "false"],
    ]


def _file_system(path: str) -> str:
    """Type of the file system that holds `path`."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in _text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        if left.split()[2] == wanted:
            return right.split()[0]
    return "unknown"


def _default_runtime() -> str:
    try:
        return probe.runtime().name
    except Unsupported:
        return ""


def _init() -> str:
    try:
        return probe.init().name
    except Unsupported:
        return ""


def warnings(abilities: Mapping[str, Any]) -> list[str] | None:
    """What is missing on this host: programs, with what to do, and in Docker's words what its kernel cannot limit."""
    missing = [name for name in ("conmon", "flock") if probe.find(name) is None]
    found = [f"WARNING: {name} is not installed: containers cannot be started" for name in missing]
    if not _default_runtime():
        found.append("WARNING: no OCI runtime: apt-get install crun")
    found += [f"WARNING: No {what} support" for key, what in _LIMITS.items() if not abilities[key]]
    return found or None


_LIMITS = {
    "MemoryLimit": "memory limit",
    "SwapLimit": "swap limit",
    "CpuCfsQuota": "cpu cfs quota",
    "CpuCfsPeriod": "cpu cfs period",
    "CPUShares": "cpu shares",
    "CPUSet": "cpuset",
    "PidsLimit": "pids limit",
}
_SWAP_FILE = "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"
_TCP_FILE = "/sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes"


def _text(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read(1 << 20)
    except FileNotFoundError:
        return ""


def versions() -> dict[str, Any]:
    """The document of `docker version`: client and server are one program here."""
    host = os.uname()
    architecture = host_platform(host.machine).architecture
    client = {
        "Version": sampan.__version__,
        "ApiVersion": API_VERSION,
        "DefaultAPIVersion": API_VERSION,
        "GitCommit": "",
        "GoVersion": "",
        "PythonVersion": platform.python_version(),
        "Os": "linux",
        "Arch": architecture,
        "BuildTime": "",
        "Context": "default",
    }
    details = {
        "ApiVersion": API_VERSION,
        "Arch": architecture,
        "KernelVersion": host.release,
        "MinAPIVersion": MINIMUM_API_VERSION,
        "Os": "linux",
        "PythonVersion": platform.python_version(),
    }
    engine = {"Name": "Engine", "Version": sampan.__version__, "Details": details}
    server = {
        "Platform": {"Name": "sampan"},
        "Components": [engine, *_programs()],
        "Version": sampan.__version__,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MINIMUM_API_VERSION,
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": architecture,
        "KernelVersion": host.release,
        "BuildTime": "",
    }
    return {"Client": client, "Server": server}


def _programs() -> list[dict[str, Any]]:
    """The programs that a container needs, with the versions that they tell."""
    found = []
    for name in ("conmon", *_RUNTIMES, _init()):
        program = probe.find(name) if name else None
        if program is None:
            continue
        _, out, err = process.run([program.path, "--version"], timeout_seconds=10)
        first = (out or err).partition("\n")[0]
        word = next((word for word in first.split() if word[:1].isdigit() or word[1:2].isdigit()), "")
        version = word.strip(",v").partition("_")[0]
        found.append({"Name": name, "Version": version, "Details": {"Path": program.path}})
    return found
