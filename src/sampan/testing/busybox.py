"""The smallest image that is of use: one static busybox, its applets as links, users, /tmp. Made in milliseconds."""

import io
import subprocess
import tarfile

PROGRAM = "/usr/bin/busybox"
PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nwww-data:x:33:33:www:/var/www:/bin/sh\n"
)
GROUP = "root:x:0:\nwww-data:x:33:\nstaff:x:50:\nnobody:x:65534:\n"


def rootfs(program: str = PROGRAM) -> bytes:
    """A tar archive of the root file system, the same bytes each time. `program` is the host's static busybox."""
    names = subprocess.run([program, "--list"], capture_output=True, check=True, text=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder, mode in (("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("proc", 0o555)):
            _folder(archive, folder, mode)
        for folder, mode in (("root", 0o700), ("sys", 0o555), ("tmp", 0o1777), ("var", 0o755), ("var/www", 0o755)):
            _folder(archive, folder, mode)
        with open(program, "rb") as file:
            _file(archive, "bin/busybox", file.read(), 0o755)
        for name in sorted(set(names) - {"busybox"}):
            link = tarfile.TarInfo("bin/" + name)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        _file(archive, "etc/passwd", PASSWD.encode(), 0o644)
        _file(archive, "etc/group", GROUP.encode(), 0o644)
    return buffer.getvalue()


def _folder(archive: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    archive.addfile(entry)


def _file(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
