"""A freshly installed root file system made equal for equal packages, and fit for containers."""

import os
import re
import shutil
import stat

_EMPTIED = (  # folders whose content goes
    "dev", "proc", "sys", "run", "tmp", "boot", "var/tmp", "var/cache/apt", "var/cache/ldconfig", "var/lib/apt/lists",
    "var/lib/apt/mirrors", "var/lib/apt/periodic", "var/lib/systemd",
)  # fmt: skip
_REMOVED = (
    "etc/.pwd.lock", "etc/hostname", "etc/resolv.conf", "etc/machine-id", "var/lib/dbus/machine-id",
    "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
    "var/cache/debconf/config.dat-old", "var/cache/debconf/templates.dat-old", "var/cache/debconf/passwords.dat",
    "var/lib/dpkg/status-old", "var/lib/dpkg/diversions-old", "var/lib/dpkg/statoverride-old",
    "var/lib/dpkg/available-old", "var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend", "var/lib/dpkg/triggers/Lock",
    "root/.bash_history", "lost+found",
)  # fmt: skip
_SLIM = ("usr/share/man", "usr/share/info", "usr/share/groff", "usr/share/lintian", "usr/share/linda")
_FILES = {
    # No service is to start while a package is installed in a container.
    "usr/sbin/policy-rc.d": ("#!/bin/sh\nexit 101\n", 0o755),
    # A layer should not keep what apt can fetch again.
    "etc/apt/apt.conf.d/80containers": (
        'Binary::apt::APT::Keep-Downloaded-Packages "false";\nAPT::Keep-Downloaded-Packages "false";\n'
        'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\nAPT::Install-Suggests "false";\n',
        0o644,
    ),
}
_SECONDS_A_DAY = 86400


def tidy(root: str, *, is_slim: bool, began: int) -> int:
    """Remove and level in the folder `root` all that differs from run to run; `began` is when the installation did.

    Returns the time, in seconds since the epoch, of the newest file that came out of a package, which all files
    written during the installation get. Nothing runs in `root` any more, and its files come from signed packages.
    """
    newest = _newest(root, began)
    for path in _EMPTIED:
        _empty(f"{root}/{path}")
    for path in _REMOVED:
        _remove(f"{root}/{path}")
    if is_slim:
        _slim(root)
    _empty_logs(f"{root}/var/log")
    for path, (content, mode) in _FILES.items():
        _write(f"{root}/{path}", content, mode)
    _write(f"{root}/etc/machine-id", "", 0o444)
    _level_passwords(f"{root}/etc/shadow", newest // _SECONDS_A_DAY)
    for path, mode in (
        ("tmp", 0o1777),
        ("var/tmp", 0o1777),
        ("run/lock", 0o1777),
        ("var/cache/apt/archives/partial", 0o700),
    ):
        os.makedirs(f"{root}/{path}", exist_ok=True)
        os.chmod(f"{root}/{path}", mode)
    _clamp(root, newest)
    os.chmod(root, 0o755)
    return newest


def _walk(root: str) -> list[str]:
    found = [root]
    for folder, folders, names in os.walk(root):
        found += [f"{folder}/{name}" for name in folders + names]
    return found


def _newest(root: str, began: int) -> int:
    times = [int(os.lstat(path).st_mtime) for path in _walk(root)]
    return max((moment for moment in times if moment < began), default=0)


def _clamp(root: str, newest: int) -> None:
    """Times after `newest` become it. Folders last, though setting times changes none: whole seconds everywhere."""
    for path in _walk(root):
        moment = min(int(os.lstat(path).st_mtime), newest)
        os.utime(path, (moment, moment), follow_symlinks=False)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _empty(folder: str) -> None:
    if os.path.isdir(folder) and not os.path.islink(folder):
        for name in os.listdir(folder):
            _remove(f"{folder}/{name}")


def _slim(root: str) -> None:
    for path in _SLIM:
        _empty(f"{root}/{path}")
    for folder, _, names in os.walk(f"{root}/usr/share/doc", topdown=False):
        for name in names:
            if name != "copyright":
                os.unlink(f"{folder}/{name}")
        if not os.listdir(folder) and folder != f"{root}/usr/share/doc":
            os.rmdir(folder)
    locales = f"{root}/usr/share/locale"
    for name in os.listdir(locales) if os.path.isdir(locales) else ():
        if name != "locale.alias":
            _remove(f"{locales}/{name}")


def _empty_logs(folder: str) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = f"{parent}/{name}"
            if stat.S_ISREG(os.lstat(path).st_mode) and os.path.basename(path) in (
                "btmp",
                "wtmp",
                "lastlog",
                "faillog",
            ):
                os.truncate(path, 0)
            else:
                os.unlink(path)


def _write(path: str, content: str, mode: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(content)
    os.chmod(path, mode)


def _level_passwords(path: str, day: int) -> None:
    """The day of the last change of a password is that of the installation; 0 or 1 would ask for another at once."""
    if not os.path.exists(path):
        return
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(re.sub(r"^([^:\n]*:[^:\n]*):\d*:", rf"\g<1>:{day}:", text, flags=re.MULTILINE))
