"""A folder comes back from its tar as it was, and no archive leads out of the folder that it is laid out in."""

import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import Corrupt
from sampan.linux import files
from sampan.linux.measuring import tree_bytes
from sampan.storage import backup, tar, unpacking

MOMENT = 1_700_000_000_123_456_789
HOLE = 1 << 20


def packed(folder: Path) -> bytes:
    out = io.BytesIO()
    fd = os.open(folder, files.DIRECTORY)
    backup.pack(fd, out.write)
    os.close(fd)
    return out.getvalue()


def laid_out(data: bytes, folder: Path) -> Path:
    folder.mkdir()
    fd = os.open(folder, files.DIRECTORY)
    try:
        unpacking.extract(io.BytesIO(data), fd, is_backup=True)
    finally:
        os.close(fd)
    return folder


def facts(top: Path) -> dict[str, object]:
    """All that a copy has to have, by path; hard links as the set of their names."""
    found: dict[str, object] = {}
    names: dict[int, list[str]] = {}
    for path in [top, *sorted(top.rglob("*"))]:
        info, name = path.lstat(), str(path.relative_to(top))
        names.setdefault(info.st_ino, []).append(name)
        content: object = None
        if stat.S_ISREG(info.st_mode):
            content = path.read_bytes()
        elif stat.S_ISLNK(info.st_mode):
            content = os.readlink(path)
        xattrs = (
            {key: os.getxattr(path, key) for key in os.listxattr(path, follow_symlinks=False)}
            if not stat.S_ISLNK(info.st_mode)
            else {}
        )
        found[name] = (info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns, info.st_rdev, content, xattrs)
    found["links"] = sorted(group for group in names.values() if len(group) > 1)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One of everything that a volume may hold."""
    top = tmp_path / "tree"
    (top / "d" / ("long-" * 30)).mkdir(parents=True)
    (top / "f").write_bytes(b"content\n")
    os.link(top / "f", top / "d" / "same")
    (top / "setuid").write_bytes(b"")
    os.chown(top / "setuid", 1000, 70000)
    os.chmod(top / "setuid", 0o4751)
    os.setxattr(top / "setuid", "user.note", b"kept \x00 whole")
    os.setxattr(top / "setuid", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    os.setxattr(top / "d", "user.note", b"of a folder")
    os.symlink("/etc/passwd", top / "link")
    os.mkfifo(top / "pipe")
    os.mknod(top / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(top / "zero-zero", stat.S_IFCHR | 0o600, os.makedev(0, 0))
    with open(top / "sparse", "wb") as file:
        file.seek(HOLE)
        file.write(b"middle")
        file.truncate(4 * HOLE)
    (top / "all-hole").touch()
    os.truncate(top / "all-hole", HOLE)
    (top / os.fsdecode(b"odd \xff\n name")).write_bytes(b"x")
    (top / ".wh.plain").write_bytes(b"no whiteout")
    for path in [*top.rglob("*"), top]:
        os.utime(path, ns=(MOMENT, MOMENT), follow_symlinks=False)
    os.chmod(top, 0o2770)
    os.chown(top, 5, 6)
    return top


def test_a_folder_comes_back_as_it_was(tree: Path, tmp_path: Path) -> None:
    copy = laid_out(packed(tree), tmp_path / "copy")
    assert facts(copy) == facts(tree)
    assert (copy / "sparse").stat().st_blocks * 512 < HOLE and (copy / "all-hole").stat().st_blocks == 0


def test_gnu_tar_reads_it(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    command = ["tar", "-C", str(tmp_path / "copy"), "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", "-"]
    subprocess.run(command, input=packed(tree), check=True)
    assert facts(tmp_path / "copy") == facts(tree)


def test_what_gnu_tar_writes_is_taken(tree: Path, tmp_path: Path) -> None:
    command = [
        "tar",
        "-C",
        str(tree),
        "--xattrs",
        "--xattrs-include=*",
        "--numeric-owner",
        "--format=pax",
        "-Scf",
        "-",
        ".",
    ]
    made = subprocess.run(command, check=True, capture_output=True).stdout
    assert facts(laid_out(made, tmp_path / "copy")) == facts(tree)


def hostile(*members: tuple[str, bytes, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            made.addfile(info, io.BytesIO())
    return out.getvalue()


@pytest.mark.parametrize(
    "members",
    [
        [("../out", tarfile.REGTYPE, "")],
        [("a/../../out", tarfile.REGTYPE, "")],
        [("l", tarfile.LNKTYPE, "../secret")],
        [("l", tarfile.LNKTYPE, "/../secret")],
    ],
)
def test_an_archive_that_leads_out_is_refused(tmp_path: Path, members: list[tuple[str, bytes, str]]) -> None:
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(Corrupt):
        laid_out(hostile(*members), tmp_path / "copy")
    assert not (tmp_path / "out").exists()


def test_a_link_in_an_archive_leads_nowhere_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    data = hostile(("l", tarfile.SYMTYPE, str(outside)), ("l/file", tarfile.REGTYPE, ""))
    copy = laid_out(data, tmp_path / "copy")
    assert list(outside.iterdir()) == [] and os.path.islink(copy / "l")


def test_xattrs_that_are_the_hosts_business_are_not_applied(tmp_path: Path) -> None:
    names = ("trusted.overlay.redirect", "security.evm", "security.selinux", "system.nonsense", "trusted.other")
    header = tar.header(b"f", tar.REGULAR, mode=0o644, xattrs=dict.fromkeys(names, b"x"))
    copy = laid_out(header + tar.END, tmp_path / "copy")
    assert os.listxattr(copy / "f") == []


@given(st.integers(-(10**18), 10**19))
def test_every_time_is_written_as_it_is_read(time_ns: int) -> None:
    header = tar.header(b"f", tar.REGULAR, mode=0o644, mtime=time_ns // 10**9, extra={"mtime": tar.seconds(time_ns)})
    read = next(iter(tar.Archive(io.BytesIO(header + tar.END))))
    assert read.mtime_ns == (time_ns if 0 <= time_ns < 1 << 63 else 0)


def test_a_file_with_several_names_is_measured_once(tree: Path) -> None:
    assert tree_bytes(str(tree)) == 8 + 5 * HOLE + 1 + 11
    assert tree_bytes(str(tree / "nowhere")) == 0
