"""storage/tar.py, layers.py, unpacking.py, compression.py: layers between folder and tar."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampan.errors import Corrupt
from sampan.storage import compression, layers, tar, unpacking


def packed(folder: Path) -> bytes:
    pieces: list[bytes] = []
    layers.pack(str(folder), pieces.append)
    return b"".join(pieces)


def archive(*members: tuple[str, bytes, str | bytes], mode: int = 0o644) -> bytes:
    """A tar of (name, kind, link target or content)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = kind, mode, 1000
            data = content if isinstance(content, bytes) else b""
            info.linkname = content if isinstance(content, str) else ""
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return out.getvalue()


def unpacked(data: bytes, folder: Path, **limits: int) -> unpacking.Unpacked:
    folder.mkdir(exist_ok=True)
    return unpacking.unpack(io.BytesIO(data), str(folder), limits=tar.Limits(**limits))


def listing(folder: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        content: object = None
        if stat.S_ISREG(info.st_mode):
            content = path.read_bytes()
        elif stat.S_ISLNK(info.st_mode):
            content = os.readlink(path)
        found[str(path.relative_to(folder))] = (
            oct(info.st_mode),
            info.st_uid,
            info.st_gid,
            int(info.st_mtime),
            info.st_rdev,
            content,
        )
    return found


zstd = zstandard.ZstdCompressor(write_checksum=True).compress
FILE, LINK, HARD, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..") and not name.startswith(".wh.") and len(name.encode()) < 250
)
trees = st.recursive(
    st.one_of(st.binary(max_size=2000), st.text("ab/.", min_size=1, max_size=150)),
    lambda children: st.dictionaries(names, children, max_size=4),
    max_leaves=12,
)


def lay_out(folder: Path, tree: object, mtime: int) -> None:
    assert isinstance(tree, dict)
    for number, (name, child) in enumerate(tree.items()):
        path = folder / name
        if isinstance(child, dict):
            path.mkdir()
            lay_out(path, child, mtime)
            path.chmod(0o700 + number)
        elif isinstance(child, bytes):
            path.write_bytes(child)
            os.chown(path, number, 3_000_000 * number)
            path.chmod(0o4700 + number)
        else:
            path.symlink_to(child)
        os.utime(path, (mtime, mtime), follow_symlinks=False)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(names, trees, max_size=5), mtime=st.sampled_from([0, 1_700_000_000, 2**33 + 5]))
def test_a_folder_survives_the_way_through_a_tar(
    tmp_path_factory: pytest.TempPathFactory, tree: object, mtime: int
) -> None:
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    lay_out(source, tree, mtime)
    data = packed(source)
    result = unpacked(data, target)
    assert listing(target) == listing(source)
    assert layers.measure(str(target)) == tuple(result) == layers.measure(str(source))
    with tarfile.open(fileobj=io.BytesIO(data)) as judged:
        assert {member.name: member.mtime for member in judged} == dict.fromkeys(listing(source), mtime)


@pytest.mark.parametrize("length", [99, 100, 101, 155, 156, 200, 255, 256, 257, 400])
def test_names_of_every_length_are_read_back_by_python(tmp_path: Path, length: int) -> None:
    parts = ["d" * 49] * (length // 50)
    folder = tmp_path / "layer"
    folder.joinpath(*parts).mkdir(parents=True)
    rest = length - sum(len(part) + 1 for part in parts)
    path = Path(*parts, "f" * rest) if rest else Path(*parts)
    if rest:
        (folder / path).write_text("x")
    with tarfile.open(fileobj=io.BytesIO(packed(folder))) as judged:
        assert str(path) in judged.getnames()


def test_a_layer_is_written_as_docker_writes_it(tmp_path: Path) -> None:
    (tmp_path / "b" / "sub").mkdir(parents=True)
    (tmp_path / "b" / "f").write_text("12")
    os.link(tmp_path / "b" / "f", tmp_path / "b" / "hard")
    (tmp_path / "a").write_text("x")
    os.mknod(tmp_path / "b" / "gone", stat.S_IFCHR | 0o600, 0)
    os.mknod(tmp_path / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.setxattr(tmp_path / "b" / "sub", "trusted.overlay.opaque", b"y")
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    os.setxattr(tmp_path / "a", "security.capability", capability)
    os.setxattr(tmp_path / "a", "user.note", b"dropped")
    with tarfile.open(fileobj=io.BytesIO(packed(tmp_path))) as judged:
        members = judged.getmembers()
    assert [member.name for member in members] == [
        "a", "b", "b/f", "b/.wh.gone", "b/hard", "b/sub", "b/sub/.wh..wh..opq", "null",
    ]  # fmt: skip
    by_name = {member.name: member for member in members}
    assert by_name["a"].pax_headers == {
        "SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape")
    }
    assert (by_name["b/.wh.gone"].mode, by_name["b/.wh.gone"].size) == (0o600, 0)
    assert (by_name["b/hard"].linkname, by_name["b/hard"].type) == ("b/f", HARD)
    assert (by_name["b/sub/.wh..wh..opq"].mode, by_name["b/sub/.wh..wh..opq"].mtime) == (0o755, 0)
    assert (by_name["null"].devmajor, by_name["null"].devminor) == (1, 3)
    assert all(member.uname == member.gname == "" for member in members)


def test_whiteouts_take_overlay_form(tmp_path: Path) -> None:
    data = archive(
        ("d", FOLDER, ""), ("d/.wh.gone", FILE, b""), ("o/.wh..wh..opq", FILE, b""), (".wh..wh.plnk", FOLDER, ""),
        ("new", FILE, b"kept"), (".wh.new", FILE, b""), (".wh.again", FILE, b""), ("again", FOLDER, ""),
    )  # fmt: skip
    layer = tmp_path / "layer"
    unpacked(data, layer)
    gone = (layer / "d" / "gone").lstat()
    assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0
    assert os.getxattr(layer / "o", "trusted.overlay.opaque") == b"y"
    assert os.getxattr(layer / "again", "trusted.overlay.opaque") == b"y"
    assert (layer / "new").read_bytes() == b"kept"
    assert sorted(os.listdir(layer)) == ["again", "d", "new", "o"]


def test_a_later_member_replaces_an_earlier_one(tmp_path: Path) -> None:
    data = archive(
        ("x", FILE, b"one"), ("x", FILE, b"two"), ("d/f", FILE, b"f"), ("d", FILE, b"now a file"),
        ("l", LINK, "/etc"), ("l", FOLDER, ""), ("l/f", FILE, b"f"), ("h", HARD, "x"), ("h", HARD, "x"),
    )  # fmt: skip
    layer = tmp_path / "layer"
    unpacked(data, layer)
    assert (layer / "x").read_bytes() == b"two"
    assert (layer / "d").read_bytes() == b"now a file"
    assert sorted(os.listdir(layer)) == ["d", "h", "l", "x"]
    assert (layer / "h").stat().st_ino == (layer / "x").stat().st_ino


def test_members_below_a_link_stay_inside_the_layer(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    layer = tmp_path / "layer"
    data = archive(
        ("absolute", LINK, str(outside)), ("absolute/f", FILE, b"1"),
        ("climbing", LINK, "../outside"), ("climbing/g", FILE, b"2"),
        ("/rooted/h", FILE, b"3"), ("chain", LINK, "climbing/.."), ("chain/i", FILE, b"4"),
    )  # fmt: skip
    unpacked(data, layer)
    assert os.listdir(outside) == []
    assert (layer / "outside" / "g").read_bytes() == b"2"
    assert (layer / "rooted" / "h").read_bytes() == b"3"
    assert (layer / str(outside).lstrip("/") / "f").read_bytes() == b"1"


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", FILE, b"x")],
        [("a/../../evil", FILE, b"x")],
        [("evil", HARD, "../../../etc/passwd")],
        [("link", LINK, "/"), ("evil", HARD, "link/../../missing")],
        [("evil", HARD, "/etc/passwd")],
        [("folder", FOLDER, ""), ("evil", HARD, "folder")],
        [("loop", LINK, "loop"), ("loop/evil", FILE, b"x")],
        [("f", FILE, b"x"), ("f/evil", FILE, b"x")],
        [(".", FILE, b"evil")],
        [("evil/.wh...", FILE, b"")],
    ],
)
def test_what_leads_out_or_nowhere_is_refused_by_name(
    tmp_path: Path, members: list[tuple[str, bytes, str | bytes]]
) -> None:
    with pytest.raises(Corrupt, match=r"evil|'\.'"):
        unpacked(archive(*members), tmp_path / "layer")
    assert os.listdir(tmp_path) == ["layer"]


@pytest.mark.parametrize("cut", [1, 100, 511, 513, 1000, 1500, 3000])
def test_a_truncated_archive_is_corrupt(tmp_path: Path, cut: int) -> None:
    data = archive(("first", FILE, b"x" * 900), ("second", FILE, b"y" * 900))
    with pytest.raises(Corrupt, match="unexpected EOF"):
        unpacked(data[:cut], tmp_path / "layer")


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, 5119), value=st.integers(0, 255), junk=st.binary(max_size=600))
def test_a_damaged_archive_is_corrupt_or_read_but_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int, junk: bytes
) -> None:
    data = bytearray(archive(("é" * 80, FILE, b"x" * 600), ("l", LINK, "é" * 80), ("d/f", HARD, "é" * 80)))
    data[position : position + 1] = bytes([value]) + junk
    try:
        unpacked(bytes(data), tmp_path_factory.mktemp("layer"), bytes=1 << 20)
    except Corrupt as error:
        assert error.message


def test_limits_are_kept(tmp_path: Path) -> None:
    data = archive(*((f"f{number}", FILE, b"x" * 600) for number in range(5)))
    for limits in ({"members": 4}, {"bytes": 2999}, {"bytes": 4000}, {"name_bytes": 1}):
        with pytest.raises(Corrupt):
            unpacked(data, tmp_path / "layer", **limits)
    with pytest.raises(Corrupt, match="too large"):
        unpacked(tar.header(b"x", b"x", mode=0, size=1 << 30) + bytes(2048), tmp_path / "layer")
    with pytest.raises(Corrupt, match="unhandled tar header type"):
        unpacked(tar.header(b"x", b"V", mode=0) + bytes(2048), tmp_path / "layer")


@pytest.mark.parametrize(
    "kind", ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"]
)
def test_sparse_files_of_gnu_tar_are_whole(tmp_path: Path, kind: str) -> None:
    import subprocess

    with open(tmp_path / "sparse", "wb") as file:
        for number in range(40):
            file.seek(number * 200_000)
            file.write(b"data %d" % number)
        file.truncate(9_000_001)
    options = [kind] if "gnu" in kind else ["--format=posix", kind]
    made = subprocess.run(
        ["tar", "-C", tmp_path, "-S", *options, "-cf", "-", "sparse"], check=True, capture_output=True
    )
    assert len(made.stdout) < 1_000_000
    result = unpacked(made.stdout, tmp_path / "layer")
    assert result.size == 9_000_001
    assert (tmp_path / "layer" / "sparse").read_bytes() == (tmp_path / "sparse").read_bytes()


@pytest.mark.parametrize("style", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_large_numbers_are_read(tmp_path: Path, style: int) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=style) as made:
        info = tarfile.TarInfo("d" * 120 + "/" + "ü" * 100)
        info.uid, info.gid, info.mtime = 3_000_000_000, 4_000_000, 2**33
        made.addfile(info)
        link = tarfile.TarInfo("link")
        link.type, link.linkname = LINK, "t" * 300
        made.addfile(link)
    layer = tmp_path / "layer"
    unpacked(out.getvalue(), layer)
    found = (layer / ("d" * 120) / ("ü" * 100)).stat()
    assert (found.st_uid, found.st_gid, found.st_mtime) == (3_000_000_000, 4_000_000, 2**33)
    assert os.readlink(layer / "link") == "t" * 300


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd, lambda data: data])
def test_a_compressed_stream_is_known_by_its_content(compress: Callable[[bytes], bytes]) -> None:
    data = os.urandom(3000) * 500
    stream = compression.open_decompressed(io.BytesIO(compress(data)))
    read = b""
    while piece := stream.read(100_000):
        read += piece
    assert read == data


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_damaged_and_cut_streams_are_corrupt(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    whole = compress(archive(("file", FILE, os.urandom(50_000))))
    for number, data in enumerate((whole[: len(whole) // 2], whole[:8], whole[:100] + b"\xff" * 300 + whole[400:])):
        with pytest.raises(Corrupt):
            stream = compression.open_decompressed(io.BytesIO(data))
            folder = tmp_path / str(number)
            folder.mkdir()
            unpacking.unpack(stream, str(folder))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_a_bomb_is_stopped(compress: Callable[[bytes], bytes]) -> None:
    limits = compression.Limits(ratio=20, free_bytes=1 << 20)
    stream = compression.open_decompressed(io.BytesIO(compress(bytes(20 << 20))), limits=limits)
    with pytest.raises(Corrupt, match="bomb"):
        while stream.read(1 << 16):
            pass
