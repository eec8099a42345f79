"""Put a host back in order after a test that failed: what one root left is ended and removed by force."""

import glob
import os
import shutil
import signal
import subprocess

from sampan.storage.paths import Paths
from sampan.testing import leftovers


def _thaw(folder: str) -> None:
    for name, text in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
        if os.path.exists(f"{folder}/{name}"):
            with open(f"{folder}/{name}", "w") as file:
                file.write(text)


def sweep(paths: Paths) -> None:
    """End the processes of a root, undo its mounts, links and rules. For tests only: it asks nothing, keeps nothing."""
    for item in leftovers.leftovers([paths]):
        if item.kind == "process":
            _kill(int(item.what.split()[0]))
    for folder in _cgroup_folders(paths):
        _thaw(folder)  # a frozen process is killed only when it goes on
        for pid in _members(folder):
            _kill(pid)
    for item in leftovers.leftovers([paths]):
        if item.kind == "mount":
            subprocess.run(["umount", "-l", item.what], check=False)
    leftovers.wait_until_gone([paths], seconds=2)
    _remove_network(paths)
    for folder in _cgroup_folders(paths):
        try:
            os.rmdir(folder)
        except OSError as error:
            print(f"sweep: {folder}: {error.strerror}")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _cgroup_folders(paths: Paths) -> list[str]:
    """The cgroups of a root, inner ones first."""
    tops = [top for pattern in ("/sys/fs/cgroup", "/sys/fs/cgroup/*") for top in glob.glob(pattern + paths.cgroup)]
    inner = [folder for top in tops for folder, _, _ in os.walk(top, topdown=False)]
    return inner


def _members(folder: str) -> list[int]:
    with open(folder + "/cgroup.procs") as file:
        return [int(line) for line in file]


def _remove_network(paths: Paths) -> None:
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    for family in ("ip", "ip6", "inet", "bridge"):
        command = ["nft", "delete", "table", family, paths.firewall_table]
        subprocess.run(command, env=environment, check=False, stderr=subprocess.DEVNULL)
    if shutil.which("ip", path=environment["PATH"]):
        # Bridges of user-defined networks are named after the default one.
        for path in glob.glob(f"/sys/class/net/{paths.bridge}*"):
            subprocess.run(["ip", "link", "delete", os.path.basename(path)], env=environment, check=False)
