"""`cp` between the host and containers, as docker copies, and never out of the container."""

import io
import os
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.waiting import until

SLEEP = ("sleep", "100000")


@pytest.fixture
def box(sampan: Sampan) -> Sampan:
    sampan("run", "-d", "--name", "box", "--network", "none", "-v", "/vol", "busybox", *SLEEP)
    return sampan


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "file").write_text("hello\n")
    os.chown(tmp_path / "file", 1234, 1235)
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder/below").mkdir(parents=True)
    (tmp_path / "folder/below/deep").write_text("deep\n")
    yield tmp_path


def copy(sampan: Sampan, here: Path, *words: str, code: int = 0) -> str:
    return sampan("cp", *words, code=code, cwd=str(here)).err


def in_box(sampan: Sampan, script: str) -> str:
    return sampan("exec", "box", "sh", "-c", script).out


def test_a_file_arrives_in_a_container_with_its_owner_mode_and_time(box: Sampan, here: Path) -> None:
    os.chmod(here / "file", 0o4751)
    os.utime(here / "file", (1000, 2000))
    copy(box, here, "file", "box:/tmp/copy")
    assert in_box(box, "stat -c '%a %u %g %Y' /tmp/copy") == "4751 1234 1235 2000\n"


def test_a_copy_on_the_host_belongs_to_who_made_it(box: Sampan, here: Path) -> None:
    in_box(box, "echo x > /tmp/mine; chown 77:88 /tmp/mine; chmod 640 /tmp/mine")
    copy(box, here, "box:/tmp/mine", ".")
    found = os.stat(here / "mine")
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (os.geteuid(), os.getegid(), 0o640)


def test_a_folder_goes_into_one_that_is_there_and_becomes_one_that_is_not(box: Sampan, here: Path) -> None:
    copy(box, here, "folder", "box:/tmp/new")
    copy(box, here, "folder", "box:/tmp/new")
    copy(box, here, "folder/.", "box:/tmp/content")
    copy(box, here, "folder/.", "box:/tmp/content")
    assert in_box(box, "cd /tmp; find new content | sort").split() == [
        "content", "content/below", "content/below/deep",
        "new", "new/below", "new/below/deep", "new/folder", "new/folder/below", "new/folder/below/deep",
    ]  # fmt: skip
    copy(box, here, "box:/tmp/content/.", "out")
    assert (here / "out/below/deep").read_text() == "deep\n"


def test_a_link_is_copied_as_a_link_unless_it_is_followed(box: Sampan, here: Path) -> None:
    copy(box, here, "link", "box:/tmp/link")
    copy(box, here, "-L", "link", "box:/tmp/followed")
    assert in_box(box, "readlink /tmp/link; cat /tmp/followed") == "file\nhello\n"
    in_box(box, "ln -s /etc /tmp/etc")
    copy(box, here, "box:/tmp/etc", "as-link")
    copy(box, here, "-L", "box:/tmp/etc", "followed")
    copy(box, here, "box:/tmp/etc/", "slashed")
    assert os.readlink(here / "as-link") == "/etc"
    assert (here / "followed/passwd").exists() and (here / "slashed/passwd").exists()


def test_a_volume_is_reached_in_running_and_stopped_containers(box: Sampan, here: Path) -> None:
    copy(box, here, "file", "box:/vol/one")
    box("stop", "-t", "0", "box")
    copy(box, here, "file", "box:/vol/two")
    copy(box, here, "file", "box:/tmp/three")
    copy(box, here, "box:/vol", "volume")
    assert sorted(os.listdir(here / "volume")) == ["one", "two"]
    box("start", "box")
    assert in_box(box, "cat /vol/one /vol/two /tmp/three") == "hello\n" * 3


def test_a_bind_mount_and_a_tmpfs_are_reached(sampan: Sampan, here: Path) -> None:
    mounts = ("-v", f"{here}/folder:/bound", "--tmpfs", "/fast")
    sampan("run", "-d", "--name", "box", *mounts, "busybox", *SLEEP)
    copy(sampan, here, "file", "box:/bound/")
    copy(sampan, here, "file", "box:/fast/")
    assert (here / "folder/file").read_text() == "hello\n"
    assert in_box(sampan, "cat /fast/file") == "hello\n"


def test_a_container_that_never_ran_is_filled_before_its_start(sampan: Sampan, here: Path) -> None:
    sampan("create", "--name", "box", "-v", "/etc", "busybox", "cat", "/etc/file", "/etc/passwd")
    copy(sampan, here, "file", "box:/etc/")
    assert sampan("start", "-a", "box").out.startswith("hello\n")


def test_what_is_read_only_takes_nothing(sampan: Sampan, here: Path) -> None:
    options = ("--read-only", "-v", "kept:/kept:ro", "-v", "free:/free")
    sampan("run", "-d", "--name", "box", *options, "busybox", *SLEEP)
    for _ in range(2):
        root = copy(sampan, here, "file", "box:/tmp/x", code=1)
        assert root.startswith("Error response from daemon: container rootfs is marked read-only")
        volume = copy(sampan, here, "file", "box:/kept/x", code=1)
        assert volume.startswith("Error response from daemon: mounted volume is marked read-only")
        copy(sampan, here, "file", "box:/free/x")
        sampan("stop", "-t", "0", "box")


def test_archives_go_both_ways(box: Sampan, here: Path) -> None:
    made = subprocess.run(["tar", "-cz", "folder", "link"], cwd=here, capture_output=True, check=True).stdout
    subprocess.run(box.command("cp", "-", "box:/vol"), input=made, check=True, timeout=60)
    assert in_box(box, "cat /vol/folder/below/deep; readlink /vol/link") == "deep\nfile\n"
    got = subprocess.run(box.command("cp", "box:/vol/folder", "-"), capture_output=True, check=True, timeout=60)
    with tarfile.open(fileobj=io.BytesIO(got.stdout)) as archive:
        assert archive.getnames() == ["folder", "folder/below", "folder/below/deep"]
    got = subprocess.run(box.command("cp", "box:/vol/folder/.", "-"), capture_output=True, check=True, timeout=60)
    with tarfile.open(fileobj=io.BytesIO(got.stdout)) as archive:
        assert archive.getnames() == [".", "./below", "./below/deep"]


def test_what_arrives_belongs_to_the_containers_user_with_archive(sampan: Sampan, here: Path) -> None:
    sampan("run", "-d", "--name", "box", "--user", "55:66", "busybox", *SLEEP)
    copy(sampan, here, "-a", "file", "box:/tmp/")
    assert in_box(sampan, "stat -c '%u %g' /tmp/file") == "55 66\n"


def test_holes_and_hard_links_stay(box: Sampan, here: Path) -> None:
    with (here / "folder/sparse").open("wb") as file:
        file.write(b"begin")
        file.truncate(64 << 20)
    os.link(here / "folder/sparse", here / "folder/twin")
    copy(box, here, "folder", "box:/tmp/")
    in_box(
        box,
        "cd /tmp/folder && [ sparse -ef twin ] && [ $(stat -c %s sparse) = 67108864 ]"
        " && [ $(du -k sparse | cut -f1) -lt 999 ]",
    )
    copy(box, here, "box:/tmp/folder", "back")
    assert (here / "back/sparse").samefile(here / "back/twin")
    assert os.stat(here / "back/sparse").st_blocks < 2000


def test_a_copy_says_what_it_did_when_it_is_asked_to(box: Sampan, here: Path) -> None:
    said = copy(box, here, "--quiet=false", "file", "box:/tmp/x")
    assert said == "Successfully copied 2.05kB to box:/tmp/x\n"
    assert copy(box, here, "--quiet=false", "box:/tmp/x", "y") == f"Successfully copied 2.05kB to {here}/y\n"
    assert copy(box, here, "box:/tmp/x", "y") == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("folder", "box:/tmp/there"), "cannot copy directory"),
        (("file", "box:/tmp/nodir/"), "no such directory"),
        (("file", "box:/nodir/a/b"), "Error response from daemon: Could not find the file /nodir/a in container box"),
        (("file/", "box:/tmp"), "not a directory"),
        (("box:/tmp/there/", "x"), "Error response from daemon: lstat /tmp/there/: not a directory"),
        (("box:/etc", "file"), "cannot copy directory"),
        (("box:/etc/passwd", "nodir/"), "no such directory"),
        (("box:/etc/passwd", "/dev/null"), 'invalid output path: "/dev/null" must be a directory or a regular file'),
        (("file", "box:/dev/null"), 'destination "box:/dev/null" must be a directory or a regular file'),
        (("-", "box:/tmp/there"), 'destination "box:/tmp/there" must be a directory'),
        (("", "box:/tmp"), "source can not be empty"),
        (("box:/a", "box:/b"), "copying between containers is not supported"),
        (("file", "box:/etc/hosts"), "Error response from daemon: hosts: device or resource busy"),
    ],
)
def test_mistakes_have_dockers_words(box: Sampan, here: Path, words: tuple[str, str], message: str) -> None:
    in_box(box, "echo x > /tmp/there")
    assert copy(box, here, *words, code=1).startswith(message)


def test_a_folder_and_a_file_never_take_each_others_place(box: Sampan, here: Path) -> None:
    in_box(box, "mkdir -p /tmp/a/folder; echo x > /tmp/a/folder/below; mkdir -p /tmp/b/file")
    assert "cannot overwrite non-directory" in copy(box, here, "folder", "box:/tmp/a", code=1)
    assert "cannot overwrite directory" in copy(box, here, "file", "box:/tmp/b", code=1)
    assert in_box(box, "cat /tmp/a/folder/below; ls -d /tmp/b/file") == "x\n/tmp/b/file\n"


def test_no_link_leads_out_of_the_container(box: Sampan, here: Path) -> None:
    secret = here / "secret"
    secret.mkdir()
    (secret / "key").write_text("key\n")
    up = "../" * 40
    in_box(box, f"ln -s {secret} /tmp/absolute; ln -s {up}{secret} /tmp/relative; ln -s /proc/1/root /tmp/magic")
    for name in ("absolute", "relative"):
        refused = copy(box, here, f"box:/tmp/{name}/key", "stolen", code=1)
        assert "Could not find the file" in refused
        copy(box, here, "file", f"box:/tmp/{name}/planted", code=1)
        copy(box, here, "-L", f"box:/tmp/{name}", "stolen", code=1)
    copy(box, here, "box:/tmp/magic/etc/passwd", "stolen", code=1)
    assert os.listdir(secret) == ["key"]
    assert not (here / "stolen").exists()


def test_an_archive_stays_in_the_folder_that_it_is_for(box: Sampan, here: Path) -> None:
    hostile = io.BytesIO()
    with tarfile.open(fileobj=hostile, mode="w") as archive:
        climbing = tarfile.TarInfo("../../../escaped")
        archive.addfile(climbing, io.BytesIO())
    done = subprocess.run(box.command("cp", "-", "box:/vol"), input=hostile.getvalue(), capture_output=True, timeout=60)
    assert done.returncode == 1
    assert b"leads out of it" in done.stderr
    assert in_box(box, "ls /vol /escaped 2>/dev/null || true") == "/vol:\n"


def test_devices_of_a_container_are_not_made_on_the_host(box: Sampan, here: Path) -> None:
    in_box(box, "mkdir /tmp/d; cd /tmp/d; mknod disk b 8 0; mknod null c 1 3; mkfifo pipe; echo x > plain")
    said = copy(box, here, "box:/tmp/d", "copied")
    assert sorted(os.listdir(here / "copied")) == ["pipe", "plain"]
    assert "'disk' is a device" in said and "'null' is a device" in said


def test_names_of_any_bytes_and_lengths_are_copied(box: Sampan, here: Path) -> None:
    odd = os.fsdecode(b"new\nline \xff\x1b[31m")
    names = ["x" * 255, odd, "-rf", "*", "ü" * 100]
    (here / "odd").mkdir()
    deep = "/".join(["d" * 200] * 15)
    os.makedirs(here / "odd" / deep)
    for name in names:
        (here / "odd" / name).write_text("x")
    copy(box, here, "odd", "box:/tmp/")
    copy(box, here, "box:/tmp/odd", "back")
    assert sorted(os.listdir(here / "back")) == sorted([*names, "d" * 200])
    assert (here / "back" / deep).is_dir()


def test_a_tree_that_changes_all_the_time_is_copied_without_leaving_it(box: Sampan, here: Path) -> None:
    """A process of the container swaps folders for links to what must not be reached, and files for pipes."""
    (here / "secret").mkdir()
    (here / "secret/deep").write_text("secret\n")
    swap = (
        "mkdir -p /tmp/t/a/b /tmp/away; echo mine > /tmp/t/a/b/deep; cd /tmp/t; touch /tmp/ready; while true; do"
        f" mv a /tmp/away/a; ln -s {here}/secret a; rm a; mkfifo a; rm a; mv /tmp/away/a a; touch f; rm f; done"
    )
    box("exec", "-d", "box", "sh", "-c", swap)
    until(lambda: in_box(box, "ls /tmp").find("ready") >= 0, "the swapping has begun")
    for number in range(12):
        box("cp", "box:/tmp/t", f"{here}/out{number}", code=None)
        packed = subprocess.run(box.command("cp", "box:/tmp/t", "-"), capture_output=True, timeout=60)
        assert b"secret\n" not in packed.stdout
        box("cp", f"{here}/file", "box:/tmp/t/a/planted", code=None)
        for folder, _, names in os.walk(here / f"out{number}"):
            for name in names:
                path = os.path.join(folder, name)
                assert not os.path.isfile(path) or os.path.islink(path) or Path(path).read_text() != "secret\n"
    assert os.listdir(here / "secret") == ["deep"]


def test_copies_to_one_container_may_run_side_by_side(box: Sampan, here: Path) -> None:
    box("stop", "-t", "0", "box")
    codes = []

    def one(number: int) -> None:
        codes.append(box("cp", f"{here}/folder", f"box:/tmp/n{number}", code=None).code)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0] * 4
    box("start", "box")
    assert in_box(box, "cat /tmp/n?/below/deep") == "deep\n" * 4


def test_copies_are_events(box: Sampan, here: Path) -> None:
    copy(box, here, "file", "box:/tmp/")
    copy(box, here, "box:/tmp/file", "x")
    import sqlite3

    with sqlite3.connect(box.root + "/state.db") as database:
        found = [row[0] for row in database.execute("SELECT action FROM event ORDER BY id")]
    assert [action for action in found if action in ("extract-to-dir", "archive-path")] == [
        "extract-to-dir",
        "archive-path",
    ]
