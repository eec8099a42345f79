"""`info` and `version` in Docker's shape."""

import json
import re

from sampan.engine import information
from sampan.testing.command import Sampan

# The lines of docker 28.5 in their order, but for those that speak of containerd and of registries' addresses.
LABELS = """
Client
 Version
 Context
 Debug Mode
Server
 Containers
  Running
  Paused
  Stopped
 Images
 Server Version
 Storage Driver
  Backing Filesystem
  Supports d_type
  Using metacopy
  Native Overlay Diff
  userxattr
 Logging Driver
 Cgroup Driver
 Cgroup Version
 Plugins
  Volume
  Network
  Log
 CDI spec directories
 Swarm
 Runtimes
 Default Runtime
 Init Binary
 Security Options
   Profile
 Kernel Version
 Operating System
 OSType
 Architecture
 CPUs
 Total Memory
 Name
 ID
 Docker Root Dir
 Debug Mode
 Experimental
 Live Restore Enabled
"""
# Fields of docker's JSON.
FIELDS = """
Architecture CDISpecDirs CPUSet CPUShares CgroupDriver CgroupVersion ClientInfo ContainerdCommit Containers
ContainersPaused ContainersRunning ContainersStopped CpuCfsPeriod CpuCfsQuota Debug DefaultRuntime DockerRootDir Driver
DriverStatus ExperimentalBuild GenericResources HttpProxy HttpsProxy ID IPv4Forwarding Images IndexServerAddress
InitBinary InitCommit Isolation KernelMemoryTCP KernelVersion Labels LiveRestoreEnabled LoggingDriver MemTotal
MemoryLimit NCPU NEventsListener NFd NGoroutines Name NoProxy OSType OSVersion OomKillDisable OperatingSystem PidsLimit
Plugins RegistryConfig RuncCommit Runtimes SecurityOptions ServerVersion SwapLimit Swarm SystemTime Warnings
"""


def test_info_has_dockers_lines_in_dockers_order(sampan: Sampan) -> None:
    lines = re.findall(r"^( *[A-Za-z][^:\n]*):", sampan("info").out, re.MULTILINE)
    assert lines == LABELS.strip("\n").split("\n")


def test_info_has_dockers_fields(sampan: Sampan) -> None:
    document = json.loads(sampan("info", "--format", "{{json .}}").out)
    assert set(FIELDS.split()) <= set(document)
    assert (document["ContainersRunning"], document["Images"]) == (0, 1)
    assert document["DriverStatus"][1] == ["Supports d_type", "true"]


def test_what_a_kernel_cannot_limit_is_told_in_dockers_words() -> None:
    can = {"MemoryLimit": True, "SwapLimit": False, "CpuCfsQuota": True, "CpuCfsPeriod": True}
    warnings = information.warnings({**can, "CPUShares": True, "CPUSet": False, "PidsLimit": True})
    assert [line for line in warnings or () if "support" in line] == [
        "WARNING: No swap limit support",
        "WARNING: No cpuset support",
    ]
