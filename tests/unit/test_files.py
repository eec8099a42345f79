"""linux/files.py: walking and changing trees by descriptor."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sampan.linux import copying, files, mount

FOLDER = os.O_RDONLY | os.O_DIRECTORY

Walker = Callable[[int, str, int], int]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "name").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    (root / "absolute").symlink_to("/etc/name")
    (root / "up").symlink_to("../../../../etc/name")
    (root / "folder").symlink_to("/etc")
    (root / "out").symlink_to("../secret")
    (root / "loop").symlink_to("loop")
    return root


@pytest.mark.parametrize("walk", [files.open_in_root, files.walk_in_root])
@pytest.mark.parametrize("path", ["etc/name", "/etc/name", "absolute", "up", "folder/name", "../etc/name", "etc/../up"])
def test_a_path_is_resolved_inside_the_root(tree: Path, walk: Walker, path: str) -> None:
    root = os.open(tree, FOLDER)
    fd = walk(root, path, os.O_RDONLY)
    assert os.read(fd, 100) == b"inside"
    os.close(fd)
    os.close(root)


@pytest.mark.parametrize("walk", [files.open_in_root, files.walk_in_root])
def test_a_link_never_leads_out_of_the_root(tree: Path, walk: Walker) -> None:
    root = os.open(tree, FOLDER)
    with pytest.raises(FileNotFoundError):
        walk(root, "out", os.O_RDONLY)
    with pytest.raises(OSError, match="symbolic links"):
        walk(root, "loop", os.O_RDONLY)
    with pytest.raises(OSError):
        walk(root, "absolute", os.O_RDONLY | os.O_NOFOLLOW)
    os.close(root)


def test_nothing_is_followed_beneath(tree: Path) -> None:
    root = os.open(tree, FOLDER)
    os.close(files.open_beneath(root, "etc/name", os.O_RDONLY))
    for path in ("folder/name", "../secret", "/etc/name", "absolute"):
        with pytest.raises(OSError):
            files.open_beneath(root, path, os.O_RDONLY)
    os.close(root)


def test_missing_folders_are_made_where_links_lead_inside_the_root(tree: Path, tmp_path: Path) -> None:
    root = os.open(tree, FOLDER)
    (tree / "dangling").symlink_to("/made/by/link")
    (tree / "escape").symlink_to("../../../elsewhere")
    for path, made in (("folder/x/y", "etc/x/y"), ("dangling/z", "made/by/link/z"), ("escape", "elsewhere")):
        os.close(files.make_directories(root, path, 0o751))
        assert stat.S_IMODE((tree / made).stat().st_mode) == 0o751
    assert sorted(os.listdir(tmp_path)) == ["root", "secret"]
    with pytest.raises(NotADirectoryError):
        files.make_directories(root, "etc/name/x")
    os.close(root)


def test_a_tree_deeper_than_any_descriptor_limit_is_removed(tmp_path: Path) -> None:
    (tmp_path / "keep").write_text("x")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to(tmp_path / "keep")
    fd = os.open(tmp_path / "top", FOLDER)
    for _ in range(3000):
        os.mkdir("d", dir_fd=fd)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        below = os.open("d", FOLDER, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    parent = os.open(tmp_path, FOLDER)
    files.remove_tree(parent, "top")
    files.remove_tree(parent, "top")
    os.close(parent)
    assert os.listdir(tmp_path) == ["keep"]


def test_a_copy_keeps_modes_times_owners_attributes_links_and_devices(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "sub" / "deeper").mkdir(parents=True)
    target.mkdir()
    (source / "sub" / "file").write_text("content")
    os.chown(source / "sub" / "file", 12, 34)
    os.chmod(source / "sub" / "file", 0o4751)
    os.setxattr(source / "sub" / "file", "user.note", b"kept")
    os.link(source / "sub" / "file", source / "twin")
    os.symlink("/nowhere", source / "link")
    os.mkfifo(source / "pipe", 0o640)
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.utime(source / "sub", ns=(1_000_000_005, 2_000_000_007))
    one, other = os.open(source, FOLDER), os.open(target, FOLDER)
    copying.copy_tree(one, other)
    copying.copy_tree(one, other)
    os.close(one)
    os.close(other)
    copied = (target / "sub" / "file").stat()
    assert (copied.st_uid, copied.st_gid, stat.S_IMODE(copied.st_mode)) == (12, 34, 0o4751)
    assert os.getxattr(target / "sub" / "file", "user.note") == b"kept"
    assert (target / "twin").stat().st_ino == copied.st_ino
    assert os.readlink(target / "link") == "/nowhere"
    assert stat.S_ISFIFO((target / "pipe").stat().st_mode)
    assert (target / "null").stat().st_rdev == os.makedev(1, 3)
    assert (target / "sub").stat().st_mtime_ns == 2_000_000_007
    assert (target / "sub" / "deeper").is_dir()


def test_a_copy_takes_another_owner_and_mode_when_told(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "file").write_text("x")
    one, other = os.open(source, FOLDER), os.open(target, FOLDER)
    copying.TreeCopy(uid=5, gid=6, mode=0o600).entry(one, "file", other, "renamed")
    os.close(one)
    os.close(other)
    info = (target / "renamed").stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (5, 6, 0o600)


def test_an_atomic_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_atomically(str(path), b"one")
    files.write_atomically(str(path), b"two", 0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_a_lock_excludes_another_holder(tmp_path: Path) -> None:
    import fcntl

    path = str(tmp_path / "lock")
    with files.flock(path), open(path) as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with files.flock(path, shared=True), files.flock(path, shared=True):
        pass


@pytest.mark.parametrize("follow", [True, False])
def test_only_a_regular_file_is_opened_as_one(tree: Path, follow: bool) -> None:
    os.mkfifo(tree / "pipe")
    root = os.open(tree, FOLDER)
    fd = files.open_regular(root, "etc/name", follow=follow)
    assert os.read(fd, 100) == b"inside"
    os.close(fd)
    for name in ("pipe", "etc", "loop", "nothing", "out"):
        with pytest.raises(OSError):
            files.open_regular(root, name, follow=follow)
    if not follow:
        with pytest.raises(OSError):
            files.open_regular(root, "absolute", follow=False)
    os.close(root)


def test_a_mode_is_never_that_of_what_a_link_leads_to(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    secret = tree.parent / "secret"
    secret.chmod(0o600)
    root = os.open(tree, FOLDER)
    files.change_mode(root, "pipe", 0o4751)
    assert stat.S_IMODE((tree / "pipe").stat().st_mode) == 0o4751
    with pytest.raises(OSError):
        files.change_mode(root, "out", 0o777)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    os.close(root)


def test_a_path_stays_one_mount_option() -> None:
    assert mount.escaped("/a,lowerdir=/etc\\") == "/a\\,lowerdir=/etc\\\\"
