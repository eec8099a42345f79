"""Images made to break out, or to make sampan do their work: none gets out, each ends in words and not in a trace."""

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sampan.testing import busybox
from sampan.testing.command import Result, Sampan

Entry = tuple[str, bytes, Any]  # name, type, what it holds
LINK, HARD, PIPE, CHARACTER, FOLDER, FILE = (
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    tarfile.DIRTYPE,
    tarfile.REGTYPE,
)


def archive(*entries: Entry) -> bytes:
    """busybox with entries of its own replaced or added."""
    names = {entry[0] for entry in entries}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made, tarfile.open(fileobj=io.BytesIO(busybox.rootfs())) as base:
        for member in base:
            if member.name not in names:
                made.addfile(member, base.extractfile(member) if member.isreg() else None)
        for name, kind, value in entries:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o755
            if kind in (LINK, HARD):
                member.linkname = value
            elif kind == CHARACTER:
                member.devmajor, member.devminor = value
            elif kind == FILE:
                member.size = len(value)
            made.addfile(member, io.BytesIO(value) if kind == FILE else None)
    return buffer.getvalue()


def make(sampan: Sampan, folder: Path, *entries: Entry, changes: tuple[str, ...] = ()) -> Result:
    (folder / "evil.tar").write_bytes(archive(*entries))
    options = [word for change in changes for word in ("--change", change)]
    return sampan("import", *options, str(folder / "evil.tar"), "evil", code=None)


def run(sampan: Sampan, *words: str) -> Result:
    return sampan("run", "--rm", "--network", "none", "evil", *words, code=None, timeout_seconds=60)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(PIPE, None, id="a pipe nobody writes to"),
        pytest.param(CHARACTER, (1, 5), id="a device without end"),
        pytest.param(CHARACTER, (10, 130), id="a watchdog, that opening arms"),
        pytest.param(FOLDER, None, id="a folder"),
        pytest.param(LINK, "/proc/1/root/etc/passwd", id="a way to the host"),
        pytest.param(LINK, "passwd", id="a loop"),
        pytest.param(FILE, "nobody:x:²:0:::/\n".encode(), id="a digit that is no number"),
        pytest.param(FILE, b"nobody:x:" + b"9" * 5000 + b":0::/:\n", id="a number without end"),
    ],
)
def test_a_passwd_file_that_is_none_knows_no_user(sampan: Sampan, tmp_path: Path, kind: bytes, value: Any) -> None:
    make(sampan, tmp_path, ("etc/passwd", kind, value), changes=("USER nobody",))
    result = run(sampan, "true")
    assert result.code == 125
    assert "unable to find user nobody: no matching entries in passwd file" in result.err


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/", "destination can't be '/'"),
        ("/proc", "cannot be mounted because it is not of type proc"),
        ("//proc", "cannot be mounted because it is not of type proc"),
        ("/x/../proc/sys", "cannot be mounted because it is inside /proc"),
    ],
)
def test_a_volume_cannot_take_the_place_of_the_root_or_of_proc(
    sampan: Sampan, tmp_path: Path, place: str, reason: str
) -> None:
    make(sampan, tmp_path, changes=(f"VOLUME {place}",))
    result = run(sampan, "true")
    assert (result.code, reason in result.err) == (125, True)


@pytest.mark.parametrize("change", ["WORKDIR /w/deep", "VOLUME /w/deep"])
@pytest.mark.parametrize("target", ["w", "../../../../../../proc/1/root"])
def test_links_at_places_that_sampan_makes_do_not_lead_out(
    sampan: Sampan, tmp_path: Path, change: str, target: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    make(sampan, tmp_path, ("w", LINK, target), ("v", LINK, f"../../../../..{outside}"), changes=(change,))
    assert "Traceback" not in run(sampan, "true").err
    make(sampan, tmp_path, ("w", LINK, f"../../../../..{outside}"), changes=(change,))
    assert "Traceback" not in run(sampan, "true").err
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["proc", "sys", "dev", "etc/hosts", "etc/resolv.conf"])
def test_mount_points_that_are_links_do_not_lead_out(sampan: Sampan, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    make(sampan, tmp_path, (name, LINK, f"../../../../../../..{outside}/x"))
    assert "Traceback" not in run(sampan, "true").err
    assert list(outside.iterdir()) == []


def test_a_working_directory_through_an_open_descriptor_does_not_lead_out(sampan: Sampan) -> None:
    here = os.path.dirname(os.path.realpath(__file__))
    sampan("run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "100000")
    look = ("sh", "-c", f"ls -d ../../../../../../../../../..{here}")
    for number in range(3, 14):
        place = f"/proc/self/fd/{number}"
        for words in (("run", "--rm", "--network", "none", "-w", place, "busybox"), ("exec", "-w", place, "box")):
            result = sampan(*words, *look, code=None)
            assert (result.code != 0, here in result.out) == (True, False)


def test_a_tree_deeper_than_any_path_is_refused_and_leaves_nothing(sampan: Sampan, tmp_path: Path) -> None:
    deep = "/".join(["d"] * 1000)
    result = make(
        sampan,
        tmp_path,
        (deep, FOLDER, None),
        ("a", LINK, deep),
        (f"a/{deep}", FOLDER, None),
        ("b", LINK, f"a/{deep}"),
        (f"b/{deep}/f", FILE, b"x"),
    )
    assert result.code == 1
    assert "nested too deeply" in result.err
    assert "No problems found." in sampan("system", "check").out
    assert len(os.listdir(f"{sampan.root}/layers")) == 1  # busybox's


def test_other_users_cannot_reach_what_containers_wrote(sampan: Sampan) -> None:
    sampan("run", "--rm", "-v", "data:/data", "busybox", "sh", "-c", "cp /bin/busybox /data/sh; chmod 6755 /data/sh")
    assert os.stat(sampan.root).st_mode & 0o007 == 0
    assert os.stat(f"{sampan.root}/volumes").st_mode & 0o077 == 0
    for name in os.listdir(sampan.root):
        if name.startswith("state.db"):
            assert os.stat(f"{sampan.root}/{name}").st_mode & 0o077 == 0
