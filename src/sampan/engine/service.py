"""A systemd unit that lets a root's containers come back at boot, and end in time before the host goes down."""

import os
import sys

from sampan.errors import Conflict, NotFound
from sampan.linux import process
from sampan.storage.paths import DEFAULT_ROOT, Paths, paths_of
from sampan.values import NamedTuple

_MARK = "# Written by `sampan system service install`."
_SYSTEM_FOLDER = "/etc/systemd/system"
_RUNNING = "/run/systemd/system"  # there when systemd is the init; see sd_booted(3)


class Service(NamedTuple):
    """Where the unit of a root is. `is_user` is a unit of the calling user's own systemd; `folder` "" the usual one."""

    paths: Paths
    is_user: bool = False
    folder: str = ""

    @property
    def name(self) -> str:
        """sampan.service for the default root."""
        return "sampan.service" if self.paths.root == DEFAULT_ROOT else f"sampan-{self.paths.key}.service"

    @property
    def path(self) -> str:
        return f"{self.folder or self._usual_folder}/{self.name}"

    @property
    def _usual_folder(self) -> str:
        if not self.is_user:
            return _SYSTEM_FOLDER
        return (os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")) + "/systemd/user"

    @property
    def is_managed(self) -> bool:
        """Whether a systemd that runs here looks at the folder."""
        return not self.folder and os.path.isdir(_RUNNING)

    @property
    def systemctl(self) -> tuple[str, ...]:
        return ("systemctl", "--user") if self.is_user else ("systemctl",)


def of(root: str | None = None, *, is_user: bool = False, folder: str = "") -> Service:
    """The service of a root; nothing is read or written."""
    return Service(paths_of(root), is_user, folder)


def unit(root: str, command: tuple[str, ...], *, is_user: bool) -> str:
    """The text of the unit; `command` runs sampan. See systemd.service(5) for its words."""
    sampan = " ".join(_quoted(word) for word in (*command, "--root", root))
    return f"""{_MARK}
[Unit]
Description=Containers of sampan in {root.replace("%", "%%")}
Documentation=man:sampan(1)
Wants=network-online.target
After=network-online.target nss-lookup.target
RequiresMountsFor={_quoted(root)}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={sampan} system resume
ExecStop={sampan} system shutdown
TimeoutStartSec=infinity
TimeoutStopSec=infinity
Delegate=yes

[Install]
WantedBy={"default.target" if is_user else "multi-user.target"}
"""


def _quoted(word: str) -> str:
    """A word of a command line of systemd's: % and $ mean something there."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(character in escaped for character in " \t'\"\\;") else escaped


def own_command() -> tuple[str, ...]:
    """How to run this sampan, from anywhere."""
    program = os.path.join(os.path.dirname(sys.executable), "sampan")
    return (program,) if os.access(program, os.X_OK) else (sys.executable, "-m", "sampan.cli.main")


def install(service: Service) -> list[str]:
    """Write the unit and enable it where systemd runs; what is left for the user to do, in lines.

    Raises Conflict for a unit of that name that sampan has not written.
    """
    if os.path.exists(service.path) and not _is_ours(service.path):
        raise Conflict(
            f"{service.path} is not from sampan: it is left as it is", hint="choose another folder with --path"
        )
    os.makedirs(os.path.dirname(service.path), exist_ok=True)
    text = unit(service.paths.root, own_command(), is_user=service.is_user)
    temporary = f"{service.path}.{os.getpid()}"
    with open(temporary, "x") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, service.path)
    resume = f"{' '.join(own_command())} --root {service.paths.root} system resume"
    if not service.is_managed:
        words = " ".join(service.systemctl)
        return [
            f"systemd does not look at {os.path.dirname(service.path)} here.",
            f"Where it does: {words} daemon-reload && {words} enable {service.name}",
            f"Without systemd, run this at boot: {resume}",
        ]
    _systemctl(service, "daemon-reload")
    _systemctl(service, "enable", service.name)
    return ["loginctl enable-linger lets it run without a login"] if service.is_user else []


def uninstall(service: Service) -> None:
    """Take the unit away; containers that run go on. Raises NotFound, Conflict."""
    if not os.path.exists(service.path):
        raise NotFound(f"no unit {service.path}", hint="sampan system service install")
    if not _is_ours(service.path):
        raise Conflict(f"{service.path} is not from sampan: it is left as it is")
    if service.is_managed:
        _systemctl(service, "disable", service.name)
    os.unlink(service.path)
    if service.is_managed:
        _systemctl(service, "daemon-reload")


def status(service: Service) -> dict[str, str]:
    """unit: its path or "not installed"; enabled and active: systemd's words, or "no systemd"."""
    found = {"unit": service.path if os.path.exists(service.path) else "not installed"}
    for question, verb in (("enabled", "is-enabled"), ("active", "is-active")):
        if service.is_managed:
            _, out, _ = process.run([*service.systemctl, verb, service.name])
            found[question] = out.strip() or "unknown"
        else:
            found[question] = "no systemd"
    return found


def _is_ours(path: str) -> bool:
    with open(path, errors="replace") as file:
        return file.readline().rstrip("\n") == _MARK


def _systemctl(service: Service, *words: str) -> None:
    code, _, err = process.run([*service.systemctl, *words])
    if code != 0:
        raise Conflict(f"{' '.join((*service.systemctl, *words))}: {err.strip()}")
