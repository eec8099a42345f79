"""Archives made to write outside, to fool overlayfs, or to fill memory."""

import errno
import io
import lzma
import os
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from sampan.errors import Corrupt
from sampan.linux import files
from sampan.storage import compression, layers, tar, unpacking

FOLDER = os.O_RDONLY | os.O_DIRECTORY


def member(
    name: str, kind: bytes, data: bytes = b"", link: str = "", **fields: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(data), link, 0o755
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        for info, data in members:
            made.addfile(info, io.BytesIO(data))
    return out.getvalue()


def unpack(data: bytes, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    unpacking.unpack(io.BytesIO(data), str(folder))
    return folder


def test_marks_of_overlayfs_in_an_archive_are_not_applied(tmp_path: Path) -> None:
    names = ("redirect", "metacopy", "opaque", "origin", "impure", "nlink", "upper", "whiteouts", "overlay.opaque")
    marks = {f"SCHILY.xattr.trusted.overlay.{name}": "/etc" for name in names}
    marks |= {f"SCHILY.xattr.user.overlay.{name}": "y" for name in names} | {"SCHILY.xattr.security.evm": "x"}
    layer = unpack(
        archive(
            member("d", tarfile.DIRTYPE, pax_headers=marks),
            member("f", tarfile.REGTYPE, b"x", pax_headers=marks),
            member("./", tarfile.DIRTYPE, pax_headers=marks),
        ),
        tmp_path / "layer",
    )
    for path in (layer, layer / "d", layer / "f"):
        assert os.listxattr(path) == []


def test_a_hard_link_to_a_link_is_that_link_and_writing_over_it_replaces_it(tmp_path: Path) -> None:
    outside = tmp_path / "passwd"
    outside.write_text("root")
    layer = unpack(
        archive(
            member("link", tarfile.SYMTYPE, link=str(outside)),
            member("hard", tarfile.LNKTYPE, link="link"),
            member("hard", tarfile.REGTYPE, b"owned"),
            member("hard", tarfile.LNKTYPE, link="link"),
            member("hard", tarfile.DIRTYPE, mode=0o777),
        ),
        tmp_path / "layer",
    )
    assert outside.read_text() == "root"
    assert (layer / "link").is_symlink()
    assert (layer / "hard").is_dir()


def test_a_hard_link_shares_no_file_with_the_host(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    for target in ("../secret", str(tmp_path / "secret"), "up/secret"):
        with pytest.raises(Corrupt):
            unpack(
                archive(member("up", tarfile.SYMTYPE, link=".."), member("h", tarfile.LNKTYPE, link=target)),
                tmp_path / "layer",
            )
    assert os.stat(tmp_path / "secret").st_nlink == 1


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh..."])
def test_a_whiteout_of_nothing_or_of_the_folder_itself_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Corrupt, match="malformed whiteout"):
        unpack(archive(member("d", tarfile.DIRTYPE), member(name, tarfile.REGTYPE)), tmp_path / "layer")


def test_a_whiteout_through_a_link_stays_in_the_layer(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    unpack(
        archive(
            member("l", tarfile.SYMTYPE, link=str(outside)),
            member("l/.wh.kept", tarfile.REGTYPE),
            member("l/.wh..wh..opq", tarfile.REGTYPE),
        ),
        tmp_path / "layer",
    )
    assert (outside / "kept").exists()
    assert os.listxattr(outside) == []


def test_the_mark_of_a_removed_file_is_no_device_that_add_makes(tmp_path: Path) -> None:
    data = archive(member("gone", tarfile.CHRTYPE, devmajor=0, devminor=0))
    (tmp_path / "root").mkdir()
    root = os.open(tmp_path / "root", FOLDER)
    with pytest.raises(Corrupt, match="means a removed file"):
        unpacking.extract(io.BytesIO(data), root)
    os.close(root)
    assert layers.measure(str(unpack(data, tmp_path / "layer"))).size == 0


def test_setuid_bits_do_not_reach_what_a_later_link_points_to(tmp_path: Path) -> None:
    outside = tmp_path / "program"
    outside.write_text("x")
    outside.chmod(0o600)
    unpack(
        archive(
            member("f", tarfile.REGTYPE, b"x", mode=0o6755),
            member("f", tarfile.SYMTYPE, link=str(outside), mode=0o6777),
            member("f", tarfile.FIFOTYPE, mode=0o6777),
            member("f", tarfile.SYMTYPE, link=str(outside), mode=0o6777),
        ),
        tmp_path / "layer",
    )
    assert os.stat(outside).st_mode & 0o7777 == 0o600


def test_a_layer_deeper_than_a_path_may_be_is_corrupt(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 1000)
    data = archive(
        member(deep, tarfile.DIRTYPE),
        member("a", tarfile.SYMTYPE, link=deep),
        member(f"a/{deep}", tarfile.DIRTYPE),
        member("b", tarfile.SYMTYPE, link=f"a/{deep}"),
        member(f"b/{deep}", tarfile.DIRTYPE),
    )
    with pytest.raises(Corrupt, match="nested too deeply"):
        layers.measure(str(unpack(data, tmp_path / "layer")))
    parent = os.open(tmp_path, FOLDER)
    files.remove_tree(parent, "layer")  # pytest's own way is as deep as the stack
    os.close(parent)


def test_an_xz_stream_that_asks_for_much_memory_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29, "preset": 0}]
    small = lzma.compress(b"x" * 100, filters=filters)
    with pytest.raises(Corrupt):
        compression.open_decompressed(io.BytesIO(small)).read(100)


def test_xz_streams_after_each_other_are_one() -> None:
    first, second = os.urandom(300_000), os.urandom(5)
    data = lzma.compress(first, preset=9) + bytes(8) + lzma.compress(second) + bytes(4)
    stream = compression.open_decompressed(io.BytesIO(data))
    read = b""
    while piece := stream.read(1 << 16):
        assert len(piece) <= 1 << 16
        read += piece
    assert read == first + second


def test_an_archive_of_nothing_but_headers_has_an_end(tmp_path: Path) -> None:
    data = archive(*(member(f"f{number}", tarfile.REGTYPE) for number in range(50)))
    with pytest.raises(Corrupt, match="more than 20 members"):
        (tmp_path / "layer").mkdir()
        unpacking.unpack(io.BytesIO(data), str(tmp_path / "layer"), limits=tar.Limits(members=20))


@pytest.mark.parametrize(
    ("name", "size"), [("user.a\0b", 1), ("user.\ud800", 1), ("user.a", 70_000), ("user." + "a" * 300, 1)]
)
def test_an_attribute_that_no_file_can_have_is_the_archives_fault(tmp_path: Path, name: str, size: int) -> None:
    with open(tmp_path / "file", "w") as file, pytest.raises(Corrupt, match="extended attribute"):
        unpacking._set_user_xattr(file.fileno(), name, b"x" * size)


@pytest.mark.parametrize(("free_blocks", "kind"), [(0, OSError), (1, Corrupt)])
def test_a_full_disk_is_told_from_an_attribute_that_is_too_large(
    monkeypatch: pytest.MonkeyPatch, free_blocks: int, kind: type[Exception]
) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "setxattr", full)
    monkeypatch.setattr(os, "fstatvfs", lambda fd: SimpleNamespace(f_bfree=free_blocks))
    with pytest.raises(kind):
        unpacking._set_user_xattr(0, "user.a", b"x")
