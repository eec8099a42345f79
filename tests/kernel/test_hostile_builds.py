"""Contexts and Dockerfiles made to read or write the host, or never to end."""

import io
import os
import socket
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.builder.files.trees import Tree
from sampan.errors import InvalidArgument
from sampan.linux.files import remove_tree
from sampan.testing.command import Result, Sampan


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "f").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "outside").mkdir()
    yield folder
    parent = os.open(tmp_path, os.O_RDONLY)
    remove_tree(parent, "context")  # pytest's own way is as deep as the stack
    os.close(parent)


def build(sampan: Sampan, context: Path, dockerfile: str, *options: str) -> Result:
    (context / "Dockerfile").write_text(dockerfile)
    return sampan("build", "--progress=plain", "-t", "made", *options, str(context), code=None, timeout_seconds=120)


@pytest.mark.parametrize("source", ["out", "up/secret", "up", "magic/passwd", "../secret", "/../secret"])
def test_nothing_outside_the_context_is_copied(sampan: Sampan, context: Path, source: str) -> None:
    (context / "out").symlink_to(context.parent / "secret")
    (context / "up").symlink_to("..")
    (context / "magic").symlink_to("/proc/self/root/etc")
    result = build(sampan, context, f"FROM busybox\nCOPY {source} /copied\nRUN ! grep -r o[u]tside /copied\n")
    assert result.code == 0 or "not found" in result.err


def test_nothing_of_the_host_is_copied_from_a_stage(sampan: Sampan, context: Path) -> None:
    text = "FROM busybox AS a\nRUN ln -s /proc/1/root/etc /l && ln -s {} /m\nFROM busybox\nCOPY --from=a {} /x\n"
    for source in ("/l/passwd", "/m"):
        result = build(sampan, context, text.format(context.parent / "secret", source))
        assert (result.code, "not found" in result.err) == (1, True)


@pytest.mark.parametrize(
    "instruction", ["COPY f /l/x", "ADD a.tar /l/", "WORKDIR /l/deep", "COPY <<../../x /l/\nh\n../../x"]
)
def test_a_destination_through_links_stays_in_the_image(sampan: Sampan, context: Path, instruction: str) -> None:
    outside = context.parent / "outside"
    with tarfile.open(context / "a.tar", "w") as made:
        link = tarfile.TarInfo("l")
        link.type, link.linkname = tarfile.SYMTYPE, f"../../../../../..{outside}"
        made.addfile(link)
        below = tarfile.TarInfo("l/x")
        below.size = 1
        made.addfile(below, io.BytesIO(b"1"))
    result = build(
        sampan, context, f"FROM busybox\nRUN ln -s ../../../../../..{outside} /l\n{instruction}\nRUN ls {outside}\n"
    )
    assert result.code == 0
    assert list(outside.iterdir()) == []
    assert sorted(path.name for path in context.parent.iterdir()) == ["context", "outside", "secret"]


def test_an_archive_that_climbs_is_refused(sampan: Sampan, context: Path) -> None:
    with tarfile.open(context / "a.tar", "w") as made:
        made.addfile(tarfile.TarInfo("../../../../evil"))
    result = build(sampan, context, "FROM busybox\nADD a.tar /d/\n")
    assert (result.code, "leads out of it" in result.err) == (1, True)


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore"])
@pytest.mark.parametrize("make", [os.mkfifo, _socket, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_waited_for(
    sampan: Sampan, context: Path, name: str, make: Callable[[Path], None]
) -> None:
    if name != "Dockerfile":
        (context / "Dockerfile").write_text("FROM busybox\nCOPY . /x\n")
    make(context / name)
    result = sampan("build", str(context), code=None, timeout_seconds=60)
    assert (result.code, f"failed to read {name}: not a regular file" in result.err) == (1, True)


def test_pipes_sockets_and_devices_in_the_context_do_no_harm(sampan: Sampan, context: Path) -> None:
    os.mkfifo(context / "pipe")
    _socket(context / "socket")
    os.mknod(context / "zero", 0o20666, os.makedev(1, 5))
    os.mknod(context / "disk", 0o60666, os.makedev(8, 0))
    text = "FROM busybox\nCOPY . /x\nADD pipe /y\nRUN ! test -e /x/socket && test -p /x/pipe && ! cat /x/disk\n"
    assert build(sampan, context, text).code == 0
    os.mknod(context / "gone", 0o20666, 0)
    result = build(sampan, context, text)
    assert (result.code, "means a removed file" in result.err) == (1, True)


def test_names_that_steer_a_terminal_or_are_no_text_are_copied_and_shown_as_escapes(
    sampan: Sampan, context: Path
) -> None:
    text = "FROM busybox\nCOPY . /x\nRUN test $(ls /x | wc -l) -ge 3\n"
    for content in ("1", "2"):
        for name in (b"\x1b]0;owned\x07", b"\xff\xfe", b"a\nb"):
            with open(os.fsencode(context) + b"/" + name, "w") as file:
                file.write(content)
        result = build(sampan, context, text)
        assert result.code == 0
    assert "\x1b]" not in result.err
    assert "rebuilt: \\x1b]0;owned\\x07 changed" in result.err


def test_a_tree_deeper_than_pythons_stack_is_copied_or_refused(sampan: Sampan, context: Path) -> None:
    def nest(depth: int) -> None:
        fd = os.open(context, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)

    nest(1500)
    (context / ".dockerignore").write_text("**/x\n")
    assert build(sampan, context, "FROM busybox\nCOPY . /x\n").code == 0
    os.rename(context / "d", context.parent / "outside" / "d")
    nest(1500)
    os.rename(context.parent / "outside" / "d", context / "e")
    # Now one below the other: longer than any path.
    bottom = os.open(context, os.O_RDONLY)
    for _ in range(1500):
        below = os.open("d", os.O_RDONLY, dir_fd=bottom)
        os.close(bottom)
        bottom = below
    top = os.open(context, os.O_RDONLY)
    os.rename("e", "e", src_dir_fd=top, dst_dir_fd=bottom)
    os.close(bottom)
    os.close(top)
    result = build(sampan, context, "FROM busybox\nCOPY . /x\n")
    assert (result.code, "is nested too deeply" in result.err) == (1, True)
    assert "No problems found." in sampan("system", "check").out


def test_output_without_an_end_of_line_takes_no_memory(sampan: Sampan, context: Path) -> None:
    assert build(sampan, context, "FROM busybox\nRUN head -c 20000000 /dev/zero\n").code == 0


@pytest.mark.parametrize("swap", ["link", "parent", "pipe"])
def test_a_file_that_is_swapped_after_the_look_is_not_followed(context: Path, swap: str) -> None:
    (context / "d").mkdir()
    (context / "d" / "secret").write_text("inside")
    tree = Tree(os.open(context, os.O_RDONLY))
    entry = tree.find("d/secret")
    assert entry is not None
    (context / "d" / "secret").unlink()
    if swap == "link":
        (context / "d" / "secret").symlink_to(context.parent / "secret")
    elif swap == "pipe":
        os.mkfifo(context / "d" / "secret")
    else:
        (context / "d").rmdir()
        (context / "d").symlink_to(context.parent)
    with pytest.raises(InvalidArgument, match="changed while it was read"):
        tree.open(entry)
    tree.close()
