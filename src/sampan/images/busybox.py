"""The smallest image that is of use, from the host's static busybox: applets as links, two users, a /tmp."""

import os

from sampan.errors import NotFound
from sampan.images import importing
from sampan.linux import process
from sampan.oci.config import ContainerConfig
from sampan.storage.database import Database
from sampan.storage.paths import Paths

PROGRAMS = ("/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static", "/sbin/busybox")
CREATED = "1970-01-01T00:00:00Z"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n"
    "nobody:x:65534:65534:nobody:/home:/bin/false\n"
)
_GROUP = "root:x:0:\nwww-data:x:33:\nstaff:x:50:\nnobody:x:65534:\n"
_FOLDERS = {
    "bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "proc": 0o755, "root": 0o700, "sys": 0o755,
    "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755,
    "var": 0o755, "var/spool": 0o755, "var/www": 0o755,
}  # fmt: skip


def busybox(database: Database, paths: Paths, tag: str = "busybox:latest") -> str:
    """Make the image and return its ID: the same bytes of busybox give the same ID. Raises NotFound without busybox."""
    program = _find()
    code, listed, _ = process.run([program, "--list"])
    if code:
        raise NotFound(f"{program} --list failed", hint="install the package busybox-static")
    with importing.building(database, paths) as snapshot_id:
        _lay_out(paths.layer(snapshot_id), program, sorted(set(listed.split()) - {"busybox"}))
        config = ContainerConfig(env=("PATH=" + _PATH,), cmd=("sh",))
        return importing.finish(
            database, paths, snapshot_id, config=config, comment="busybox of this host", created=CREATED, tag=tag
        )


def _find() -> str:
    for program in PROGRAMS:
        if os.access(program, os.X_OK) and _is_static(program):
            return program
    raise NotFound(
        "no static busybox on this host", hint="install the package busybox-static (apt-get install busybox-static)"
    )


def _is_static(program: str) -> bool:
    """Whether an ELF file names no interpreter: a dynamic busybox finds no library in an empty image."""
    with open(program, "rb") as file:
        return b"/ld-linux" not in file.read(4096)


def _lay_out(root: str, program: str, applets: list[str]) -> None:
    for folder, mode in _FOLDERS.items():
        os.mkdir(f"{root}/{folder}")
        os.chmod(f"{root}/{folder}", mode)
    with open(program, "rb") as source:
        _write(f"{root}/bin/busybox", source.read(), 0o755)
    for applet in applets:
        os.symlink("busybox", f"{root}/bin/{applet}")
        os.utime(f"{root}/bin/{applet}", (0, 0), follow_symlinks=False)
    os.symlink("/bin/env", f"{root}/usr/bin/env")
    os.utime(f"{root}/usr/bin/env", (0, 0), follow_symlinks=False)
    _write(f"{root}/etc/passwd", _PASSWD.encode(), 0o644)
    _write(f"{root}/etc/group", _GROUP.encode(), 0o644)
    for folder in sorted(_FOLDERS, reverse=True):
        os.utime(f"{root}/{folder}", (0, 0))


def _write(path: str, content: bytes, mode: int) -> None:
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)
    os.utime(path, (0, 0))
