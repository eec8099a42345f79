"""What is left of a root outside its folder: processes, mounts, namespaces, bridges, firewall rules, cgroups.

Everything of a root carries its key, so what belongs to it can be told from what belongs to another.
"""

import glob
import os
import re
import shutil
import subprocess
import time
from collections.abc import Collection
from typing import NamedTuple

from sampan.storage.paths import DEFAULT_ROOT, DEFAULT_RUN, Paths, paths_of

WAIT_SECONDS = 10.0
"""How long what is ending may take: the kernel removes interfaces some milliseconds after a namespace's end."""


class Leftover(NamedTuple):
    """One thing that should be gone. `kind` is process, mount, link, firewall or cgroup."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


def known_roots() -> list[Paths]:
    """Each root whose key is seen anywhere on this host: in /run, in a bridge's name, in a cgroup's."""
    keys = set(os.listdir(DEFAULT_RUN)) if os.path.isdir(DEFAULT_RUN) else set()
    for name in os.listdir("/sys/class/net"):
        if match := re.fullmatch(r"sp([0-9a-f]{8})", name):
            keys.add(match[1])
    for folder in glob.glob("/sys/fs/cgroup/sampan-*") + glob.glob("/sys/fs/cgroup/*/sampan-*"):
        keys.add(folder.rpartition("sampan-")[2])
    default = paths_of(DEFAULT_ROOT)
    return [default] + [Paths("/?", f"{DEFAULT_RUN}/{key}", key) for key in sorted(keys - {default.key})]


def leftovers(roots: Collection[Paths]) -> list[Leftover]:
    """What there is of `roots` at this moment, sorted."""
    found = [*_processes(roots), *_mounts(roots), *_links(roots), *_firewall(roots), *_cgroups(roots)]
    return sorted(set(found))


def wait_until_gone(roots: Collection[Paths], seconds: float = WAIT_SECONDS) -> list[Leftover]:
    """Wait until nothing is left, at most `seconds`; returns what still is."""
    until = time.monotonic() + seconds
    while (found := leftovers(roots)) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def _belongs(text: str, roots: Collection[Paths]) -> bool:
    return any(f"{paths.root}/" in text or f"{paths.run}/" in text for paths in roots)


def _processes(roots: Collection[Paths]) -> list[Leftover]:
    own = {os.getpid(), os.getppid()}
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in own:
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        named = any(word == paths.root for word in words for paths in roots)
        if named or _belongs(" ".join(words) + " ", roots):
            found.append(Leftover("process", f"{name} {' '.join(words).strip()}"))
    return found


def _mounts(roots: Collection[Paths]) -> list[Leftover]:
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file]
    return [
        Leftover("mount", point)
        for point in points
        if any(point.startswith((paths.root + "/", paths.run + "/")) for paths in roots)
    ]


def _links(roots: Collection[Paths]) -> list[Leftover]:
    names = set(os.listdir("/sys/class/net"))
    return [Leftover("link", name) for name in sorted(names) if any(_names_link(paths, name) for paths in roots)]


def _names_link(paths: Paths, name: str) -> bool:
    if name == paths.bridge:
        return True
    try:
        master = os.path.basename(os.readlink(f"/sys/class/net/{name}/master"))
    except OSError:
        return False
    return master == paths.bridge


def _firewall(roots: Collection[Paths]) -> list[Leftover]:
    program = shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None or os.geteuid() != 0:
        return []
    rules = subprocess.run([program, "list", "ruleset"], capture_output=True, text=True, errors="replace").stdout
    found = []
    for line in rules.splitlines():
        words = re.split(r"[\s\"]+", line)
        if any(paths.firewall_table in words or paths.bridge in words for paths in roots):
            found.append(Leftover("firewall", line.strip()))
    return found


def _cgroups(roots: Collection[Paths]) -> list[Leftover]:
    return [
        Leftover("cgroup", folder)
        for paths in roots
        for pattern in ("/sys/fs/cgroup", "/sys/fs/cgroup/*")
        for folder in glob.glob(pattern + paths.cgroup)
    ]
