"""What a container sees of the options it was made with, one row an option; and what is refused."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.roots import busybox_store, copied

CGROUP = "/sys/fs/cgroup"


@pytest.fixture(scope="module")
def yard(base: str) -> Iterator[Sampan]:
    with copied(busybox_store(base), base + "/run-options") as sampan:
        yield sampan


def block_device() -> str:
    """A block device of the host, as PATH and MAJOR:MINOR."""
    for name in sorted(os.listdir("/sys/block")):
        if os.path.exists(f"/dev/{name}") and not name.startswith(("loop", "ram")):
            return f"/dev/{name}"
    return "/dev/loop0"


def number(path: str) -> str:
    device = os.stat(path).st_rdev
    return f"{os.major(device)}:{os.minor(device)}"


# name -> (options, shell command inside, what it prints)
SEEN: dict[str, tuple[tuple[str, ...], str, str]] = {
    "memory-swappiness": (("--memory-swappiness", "10"), f"cat {CGROUP}/memory/memory.swappiness", "10"),
    "memory": (("-m", "64m"), f"cat {CGROUP}/memory/memory.limit_in_bytes", "67108864"),
    "memory-reservation": (
        ("--memory-reservation", "32m"),
        f"cat {CGROUP}/memory/memory.soft_limit_in_bytes",
        "33554432",
    ),
    "oom-kill-disable": (
        ("-m", "64m", "--oom-kill-disable"),
        f"grep oom_kill_disable {CGROUP}/memory/memory.oom_control",
        "oom_kill_disable 1",
    ),
    "oom-score-adj": (("--oom-score-adj", "500"), "cat /proc/self/oom_score_adj", "500"),
    "cpu-shares": (("-c", "512"), f"cat {CGROUP}/cpu/cpu.shares", "512"),
    "cpus": (("--cpus", "0.5"), f"cat {CGROUP}/cpu/cpu.cfs_quota_us", "50000"),
    "cpu-quota": (
        ("--cpu-period", "50000", "--cpu-quota", "25000"),
        f"cat {CGROUP}/cpu/cpu.cfs_period_us {CGROUP}/cpu/cpu.cfs_quota_us",
        "50000\n25000",
    ),
    "cpuset-cpus": (("--cpuset-cpus", "0"), f"cat {CGROUP}/cpuset/cpuset.cpus", "0"),
    "cpuset-mems": (("--cpuset-mems", "0"), f"cat {CGROUP}/cpuset/cpuset.mems", "0"),
    "pids-limit": (("--pids-limit", "77"), f"cat {CGROUP}/pids/pids.max", "77"),
    "ulimit": (("--ulimit", "nofile=100:200"), "ulimit -n; ulimit -Hn", "100\n200"),
    "shm-size": (("--shm-size", "32m"), "df -m /dev/shm | awk 'NR == 2 {print $2}'", "32"),
    "device": (("--device", "/dev/null:/dev/nothing:r"), "ls -l /dev/nothing | cut -c1", "c"),
    "device-permissions": (
        ("--device", "/dev/loop0:/dev/ring:r"),
        "(: > /dev/ring) 2>&1 | grep -o 'not permitted'; test -b /dev/ring && echo there",
        "not permitted\nthere",
    ),
    "device-folder": (("--device", "/dev/net:/dev/wires"), "ls /dev/wires", "tun"),
    "device-cgroup-rule": (
        ("--device-cgroup-rule", "c 42:* rmw"),
        f"grep 'c 42' {CGROUP}/devices/devices.list",
        "c 42:* rwm",
    ),
    "ipc-none": (("--ipc", "none"), "grep -c ' /dev/shm ' /proc/mounts", "0"),
    "ipc-private": (("--ipc", "private"), "grep -c ' /dev/shm ' /proc/mounts", "1"),
    "uts-host": (("--uts", "host"), "hostname", os.uname().nodename),
    "hostname": (("--hostname", "h1"), "hostname; cat /etc/hostname", "h1\nh1"),
    "domainname": (("--hostname", "h1", "--domainname", "d1.test"), "cat /proc/sys/kernel/domainname", "d1.test"),
    "no-new-privileges": (
        ("--security-opt", "no-new-privileges"),
        "grep NoNewPrivs /proc/self/status",
        "NoNewPrivs:\t1",
    ),
    "seccomp-unconfined": (("--security-opt", "seccomp=unconfined"), "grep Seccomp: /proc/self/status", "Seccomp:\t0"),
    "seccomp-builtin": (("--security-opt", "seccomp=builtin"), "grep Seccomp: /proc/self/status", "Seccomp:\t2"),
    "systempaths": (("--security-opt", "systempaths=unconfined"), "grep -c ' /proc/' /proc/mounts", "0"),
    "label-disable": (("--security-opt", "label=disable"), "echo yes", "yes"),
    "sysctl": (("--sysctl", "kernel.msgmax=9000"), "cat /proc/sys/kernel/msgmax", "9000"),
    "sysctl-net": (("--sysctl", "net.ipv4.ip_forward=1"), "cat /proc/sys/net/ipv4/ip_forward", "1"),
    "cap-drop": (("--cap-drop", "ALL"), "grep CapBnd /proc/self/status", "CapBnd:\t0000000000000000"),
    "cap-add": (
        ("--cap-drop", "ALL", "--cap-add", "chown"),
        "grep CapBnd /proc/self/status",
        "CapBnd:\t0000000000000001",
    ),
    "group-add": (("--group-add", "1234"), "id -G | tr ' ' '\\n' | grep 1234", "1234"),
    "user": (("-u", "1000:1001"), "id -u; id -g", "1000\n1001"),
    "read-only": (("--read-only",), "touch /x 2>&1", "touch: /x: Read-only file system"),
    "init": (("--init",), "cat /proc/1/cmdline | tr '\\0' ' ' | cut -c1-20", "/sbin/docker-init --"),
    "workdir": (("-w", "/a/b"), "pwd", "/a/b"),
    "privileged": (("--privileged",), "grep -c ' /proc/' /proc/mounts; test -e /dev/loop0 && echo all", "0\nall"),
    "runtime": (("--runtime", "crun"), "echo yes", "yes"),
    "platform": (("--platform", "linux"), "echo yes", "yes"),
    "kernel-memory": (("--kernel-memory", "0"), "echo yes", "yes"),
    "userns-host": (("--userns", "host"), "cat /proc/self/uid_map | tr -s ' '", " 0 0 4294967295"),
    "cgroupns-private": (("--cgroupns", "private"), "cut -d: -f3 /proc/self/cgroup | sort -u", "/"),
}


@pytest.mark.parametrize("name", SEEN)
def test_a_container_sees_the_option(yard: Sampan, name: str) -> None:
    options, command, expected = SEEN[name]
    found = yard("run", "--rm", "--network", "none", *options, "busybox", "sh", "-c", command, code=None)
    assert found.out.rstrip("\n") == expected, found.err


def test_rates_of_devices_are_limited(yard: Sampan) -> None:
    device = block_device()
    limits = {"read-bps": "1mb", "write-bps": "2mb", "read-iops": "100", "write-iops": "200"}
    options = [word for name, rate in limits.items() for word in (f"--device-{name}", f"{device}:{rate}")]
    files = " ".join(f"{CGROUP}/blkio/blkio.throttle.{name.replace('-', '_')}_device" for name in limits)
    found = yard("run", "--name", "slow", *options, "busybox", "sh", "-c", f"cat {files}").out.splitlines()
    assert found == [f"{number(device)} {rate}" for rate in (1 << 20, 2 << 20, 100, 200)]
    shown = yard("inspect", "-f", "{{json .HostConfig.BlkioDeviceReadBps}}", "slow").out
    assert json.loads(shown) == [{"Path": device, "Rate": 1 << 20}]


def test_a_cdi_device_brings_its_environment_nodes_mounts_and_hooks(yard: Sampan, tmp_path: Path) -> None:
    (tmp_path / "host.txt").write_text("from the host\n")
    edits = {
        "env": ["TOY=1"],
        "deviceNodes": [{"path": "/dev/toy", "hostPath": "/dev/null", "permissions": "rw"}],
        "mounts": [{"hostPath": str(tmp_path / "host.txt"), "containerPath": "/toy/host.txt", "options": ["ro"]}],
        "hooks": [{"hookName": "createRuntime", "path": "/bin/sh", "args": ["sh", "-c", f": > {tmp_path}/hooked"]}],
    }
    document = {"cdiVersion": "0.6.0", "kind": "acme.com/toy", "devices": [{"name": "one", "containerEdits": edits}]}
    gpu = {
        "cdiVersion": "0.6.0",
        "kind": "nvidia.com/gpu",
        "devices": [{"name": "all", "containerEdits": {"env": ["GPU=1"]}}],
    }
    (tmp_path / "acme.json").write_text(json.dumps(document))
    (tmp_path / "nvidia.json").write_text(json.dumps(gpu))
    env = {"SAMPAN_CDI_SPEC_DIRS": str(tmp_path)}
    script = "echo $TOY; echo x > /dev/toy && cat /toy/host.txt"
    found = yard("run", "--rm", "--device", "acme.com/toy=one", "busybox", "sh", "-c", script, env=env)
    assert found.out == "1\nfrom the host\n"
    assert (tmp_path / "hooked").exists()
    assert yard("run", "--rm", "--gpus", "all", "busybox", "sh", "-c", "echo $GPU", env=env).out == "1\n"
    refused = yard("run", "--rm", "--device", "acme.com/toy=two", "busybox", "true", env=env, code=125)
    assert "unresolvable CDI devices acme.com/toy=two" in refused.err
    refused = yard(
        "run", "--rm", "--gpus", "all", "busybox", "true", env={"SAMPAN_CDI_SPEC_DIRS": "/nowhere"}, code=125
    )
    assert 'could not select device driver "" with capabilities: [[gpu]]' in refused.err


# options -> what the first line of the error has
REFUSED: dict[tuple[str, ...], str] = {
    ("--memory-swappiness", "101"): "invalid value: 101. Valid memory swappiness range is 0-100",
    ("--device-read-bps", "x"): 'invalid argument "x" for "--device-read-bps" flag: bad format: x',
    ("--device-read-bps", "/x:1"): "bad format for device path: /x:1",
    ("--device-write-iops", "/dev/null:a"): "invalid rate for device: /dev/null:a",
    ("--blkio-weight-device", "/dev/null:5"): "invalid weight for device: /dev/null:5",
    (
        "--cpu-rt-period",
        "10",
        "--cpu-rt-runtime",
        "20",
    ): "cpu real-time runtime cannot be higher than cpu real-time period",
    ("--storage-opt", "size=1G"): "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    ("--use-api-socket",): "--use-api-socket is not supported",
    ("--userns", "nonsense"): "--userns: invalid USER mode",
    ("--gpus", "many"): 'invalid count (many): value must be either "all" or an integer',
    ("--device", "/dev/null:/x:q"): "bad mode specified: q",
    ("--security-opt", "apparmor=mine"): "AppArmor",
    ("--security-opt", "label=type:x"): "SELinux labels cannot be applied on this host",
    ("--sysctl", "kernel.hostname=x"): "sysctl 'kernel.hostname=x' is not allowed",
}


@pytest.mark.parametrize("options", REFUSED, ids=" ".join)
def test_what_cannot_be_honoured_is_refused(yard: Sampan, options: tuple[str, ...]) -> None:
    found = yard("run", "--rm", *options, "busybox", "true", code=125)
    assert REFUSED[options] in found.err
