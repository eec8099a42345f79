"""The engines that are compared: how each is called and what it starts with."""

import os
import shutil
import subprocess
import sys

from bench.stopwatch import Stopwatch, Timing

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class CommandFailed(Exception):
    """A command of a scenario ended with another code than 0."""


class Engine:
    """One engine: its name, its command, its stopwatch, and a folder for its contexts that it can see."""

    def __init__(self, name: str, command: list[str], stopwatch: Stopwatch, folder: str) -> None:
        self.name = name
        self.command = command
        self.stopwatch = stopwatch
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def __call__(self, *arguments: str, times: int = 1, env: dict[str, str] | None = None) -> Timing:
        """Run the command `times` times at once. Raises CommandFailed."""
        words = [*self.command, *arguments]
        timing = self.stopwatch.run(*[words] * times, env=env)
        if any(timing.codes):
            raise CommandFailed(f"{' '.join(words)}: {timing.codes}\n{timing.output}")
        return timing

    def try_to(self, *arguments: str) -> Timing:
        """Run the command whatever its exit code."""
        return self.stopwatch.run([*self.command, *arguments])

    def version(self) -> str:
        output = self.try_to("--version").output.strip()
        return output.splitlines()[0] if output else "?"


def installed_sampan(place: str) -> str:
    """sampan as `pip install` gives it to a user, in a virtual environment of its own below `place`; its command."""
    home = os.path.join(place, "venv")
    if not os.path.exists(home + "/bin/pip"):
        subprocess.run(["/usr/bin/python3", "-m", "venv", home], check=True)
    pip = [home + "/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = os.path.join(HERE, "requirements.lock")
    subprocess.run([*pip, "--constraint", lock, HERE], check=True)
    subprocess.run([*pip, "--no-deps", "--force-reinstall", HERE], check=True)
    return home + "/bin/sampan"


def engines(place: str, peer: str) -> list[Engine]:
    """sampan, then docker and podman: those of the host, or those of the peer's folder `peer` when its engine runs."""
    program = installed_sampan(place)
    found = [Engine("sampan", [program, "--root", place + "/root"], Stopwatch(), place + "/sampan")]
    if peer:
        pid = peer_pid(peer)
        for name in ("docker", "podman"):
            found.append(Engine(name, [name], Stopwatch(pid), f"{place}/{name}"))
        return found
    for name in ("docker", "podman"):
        if shutil.which(name):
            found.append(Engine(name, [name], Stopwatch(), f"{place}/{name}"))
    return found


def peer_pid(peer: str) -> int:
    """The first process of the reference engine that runs in the folder `peer`."""
    try:
        with open(peer + "/run/reference") as file:
            pid, space = file.read().split()
        if os.readlink(f"/proc/{pid}/ns/mnt") == space:
            return int(pid)
    except OSError:
        pass
    sys.exit(f"bench: no engine runs in {peer}: start it first")
