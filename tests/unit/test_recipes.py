"""storage/foreign.py, recipes.py: the tar of a layer from elsewhere comes back byte for byte."""

import hashlib
import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampan.errors import Corrupt
from sampan.storage import check, foreign, gc, layers, snapshots
from sampan.storage import paths as layout
from sampan.storage.database import Database
from sampan.storage.paths import Paths

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
FILE, LINK, HARD, FOLDER, FIFO, DEVICE = (
    tarfile.REGTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
)


class Store:
    """A store without images."""

    def __init__(self, folder: Path) -> None:
        root = str(folder)
        self.paths = Paths(root=root, run=root + "/run", key="0")
        for path in (
            self.paths.root,
            self.paths.layers,
            self.paths.recipes,
            self.paths.tmp,
            self.paths.containers,
            self.paths.volumes,
        ):
            os.makedirs(path, exist_ok=True)
        self.database = Database(self.paths.database)

    def receive(self, data: bytes) -> str:
        return foreign.receive(self.database, self.paths, io.BytesIO(data), diff_id=digest(data))

    def tar(self, snapshot_id: str) -> bytes:
        pieces: list[bytes] = []
        foreign.write_tar(self.database, self.paths, snapshot_id, pieces.append)
        return b"".join(pieces)

    def assert_exact(self, data: bytes) -> str:
        """Receive a tar, compare what is written, and return the snapshot's folder."""
        snapshot_id = self.receive(data)
        assert self.tar(snapshot_id) == data
        assert foreign.tar_size(self.paths, snapshot_id) == len(data)
        assert check.check(self.database, self.paths, deep=True) == []
        assert os.listdir(self.paths.tmp) == []
        return self.paths.layer(snapshot_id)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "root")
    yield made
    made.database.close()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


Entry = tuple[str, bytes, str | bytes]


def archive(*members: Entry, form: int = tarfile.PAX_FORMAT, mtime: float = 1000) -> bytes:
    """A tar of (name, kind, link target or content)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime, info.uname = kind, 0o755, mtime, "someone"
            data = content if isinstance(content, bytes) else b""
            info.linkname = content if isinstance(content, str) else ""
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return out.getvalue()


names = st.sampled_from(
    ["a", "b", "a/b", "b/a", "./a", "a/./c", "c", "a/c", "b/c", "c/c", "é", "x" * 120, "a/" + "y" * 99]
)
entries = st.one_of(
    st.tuples(names, st.just(FILE), st.binary(max_size=1200)),
    st.tuples(names, st.just(FOLDER), st.just("")),
    st.tuples(names, st.just(LINK), st.sampled_from(["a", "b", "../b", "/a", "c/c", "nowhere"])),
    st.tuples(names, st.just(HARD), names),
    st.tuples(names, st.just(FIFO), st.just("")),
    st.tuples(st.sampled_from([".wh.a", "a/.wh.b", "a/.wh..wh..opq"]), st.just(FILE), st.binary(max_size=9)),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    members=st.lists(entries, max_size=10),
    form=st.sampled_from(FORMATS),
    mtime=st.sampled_from([0, 1_700_000_000, 12.5, 2**34]),
    tail=st.sampled_from([b"", b"garbage", bytes(513), bytes(20480) + b"x"]),
)
def test_any_archive_that_can_be_unpacked_comes_back_byte_for_byte(
    shared: Store, members: list[Entry], form: int, mtime: float, tail: bytes
) -> None:
    try:
        data = archive(*members, form=form, mtime=int(mtime) if form != tarfile.PAX_FORMAT else mtime) + tail
    except ValueError:
        return  # a name or time that this format cannot hold
    try:
        snapshot_id = shared.receive(data)
    except Corrupt:
        assert check.check(shared.database, shared.paths) == []
        return
    assert shared.tar(snapshot_id) == data
    assert foreign.tar_size(shared.paths, snapshot_id) == len(data)
    snapshots.discard(shared.database, shared.paths, snapshot_id)
    assert os.listdir(shared.paths.recipes) == os.listdir(shared.paths.tmp) == []


@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_what_gnu_tar_writes_comes_back(store: Store, tmp_path: Path, form: str) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "f").write_bytes(os.urandom(70_000))
    os.link(tree / "f", tree / "sub" / "hard")
    (tree / "sub" / "link").symlink_to("../f")
    with open(tree / "sparse", "wb") as file:
        for offset in (0, 1 << 20, 5 << 20):
            file.seek(offset)
            file.write(b"data" * 1024)
        file.truncate(9 << 20)
    command = ["tar", "-c", "-f", "-", "--format", form, "-b", "7", "-C", str(tree)]
    sparse = [] if form in ("v7", "ustar") else ["--sparse"]
    folder = store.assert_exact(subprocess.run([*command, *sparse, "."], check=True, capture_output=True).stdout)
    for name in ("f", "sparse"):
        assert Path(folder, name).read_bytes() == (tree / name).read_bytes()
    assert os.stat(folder + "/sparse").st_blocks * 512 < 1 << 20 or not sparse


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0"])
def test_each_form_of_a_sparse_file_comes_back(store: Store, tmp_path: Path, version: str) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        for number in range(50):
            file.seek(number << 16)
            file.write(b"data" * 1024)
        file.truncate(9 << 20)
    command = ["tar", "-c", "-S", "--format=posix", f"--sparse-version={version}", "-C", str(tmp_path), "sparse"]
    folder = store.assert_exact(subprocess.run(command, check=True, capture_output=True).stdout)
    assert Path(folder, "sparse").read_bytes() == (tmp_path / "sparse").read_bytes()


def test_what_a_later_member_replaces_is_kept_in_the_recipe(store: Store) -> None:
    data = archive(
        ("a", FILE, b"first" * 999),
        ("tree/", FOLDER, ""),
        ("tree/deep", FILE, b"below" * 999),
        ("a", FILE, b"second"),
        ("tree", FILE, b"no folder any more"),
        ("a", FILE, b"third"),
    )
    folder = store.assert_exact(data)
    assert sorted(os.listdir(folder)) == ["a", "tree"]
    assert Path(folder, "a").read_bytes() == b"third"


def test_a_file_that_came_through_a_link_is_found_again(store: Store) -> None:
    data = archive(
        ("real/", FOLDER, ""),
        ("way", LINK, "real"),
        ("way/f", FILE, b"content"),
        ("way", LINK, "nowhere"),
        ("new/folders/g", FILE, b"other"),
    )
    folder = store.assert_exact(data)
    assert Path(folder, "real/f").read_bytes() == b"content"


def test_whiteouts_links_devices_and_attributes_are_laid_out_as_docker_does(store: Store) -> None:
    out = io.BytesIO()
    capability = b"\1\0\0\2\0\4\0\0" + bytes(12)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as made:
        for name, kind, records in (
            ("sub", FOLDER, {"SCHILY.xattr.user.note": "folder"}),
            ("sub/.wh..wh..opq", FILE, {}),
            ("sub/.wh.gone", FILE, {}),
            ("tool", FILE, {
                "SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape"),
                "SCHILY.xattr.user.note": "file",
                "SCHILY.xattr.trusted.overlay.redirect": "/etc",
            }),
            ("null", DEVICE, {}),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.pax_headers = kind, 0o755, records
            info.devmajor, info.devminor = (1, 3) if kind == DEVICE else (0, 0)
            made.addfile(info)
    folder = store.assert_exact(out.getvalue())
    assert os.getxattr(folder + "/sub", "trusted.overlay.opaque") == b"y"
    assert os.lstat(folder + "/sub/gone").st_rdev == 0 and stat.S_ISCHR(os.lstat(folder + "/sub/gone").st_mode)
    assert os.lstat(folder + "/null").st_rdev == os.makedev(1, 3)
    assert os.getxattr(folder + "/tool", "security.capability") == capability
    assert os.getxattr(folder + "/tool", "user.note") == b"file"
    assert os.getxattr(folder + "/sub", "user.note") == b"folder"
    assert "trusted.overlay.redirect" not in os.listxattr(folder + "/tool")


def test_a_layer_that_was_made_here_has_no_recipe_and_its_size_is_known_without_reading(store: Store) -> None:
    snapshot_id = snapshots.new(store.database, store.paths)
    folder = Path(store.paths.layer(snapshot_id))
    (folder / "f").write_bytes(b"x" * 700)
    os.link(folder / "f", folder / "g")
    (folder / "deep").mkdir()
    packed = layers.measure(str(folder))
    snapshots.record(store.database, snapshot_id, diff_id=packed.diff_id, size=packed.size)
    data = store.tar(snapshot_id)
    assert digest(data) == packed.diff_id
    assert foreign.tar_size(store.paths, snapshot_id) == len(data)


def test_another_diff_id_is_refused_and_nothing_stays(store: Store) -> None:
    with pytest.raises(Corrupt, match="layer verification failed"):
        foreign.receive(store.database, store.paths, io.BytesIO(archive(("a", FILE, b"x"))), diff_id=digest(b""))
    with pytest.raises(Corrupt, match="unexpected EOF"):
        store.receive(archive(("a", FILE, b"x" * 5000))[:3000])
    for path in (store.paths.layers, store.paths.recipes, store.paths.tmp):
        assert os.listdir(path) == []
    assert check.check(store.database, store.paths) == []


def test_the_same_layer_twice_is_one_snapshot(store: Store) -> None:
    data = archive(("a", FILE, b"x"))
    first = store.receive(data)
    assert store.receive(data) == first == foreign.find(store.database, digest(data))
    assert len(os.listdir(store.paths.layers)) == len(os.listdir(store.paths.recipes)) == 1
    snapshots.release(store.database, first)
    assert gc.collect(store.database, store.paths).snapshots == (first,)
    assert os.listdir(store.paths.recipes) == []
    assert foreign.find(store.database, digest(data)) is None


def test_a_changed_file_and_a_lost_recipe_are_told_of(store: Store) -> None:
    snapshot_id = store.receive(archive(("a", FILE, b"content")))
    Path(store.paths.layer(snapshot_id), "a").write_bytes(b"CONTENT")
    with pytest.raises(Corrupt, match="its files were changed"):
        store.tar(snapshot_id)
    assert "its files were changed" in check.check(store.database, store.paths, deep=True)[0].what
    os.unlink(store.paths.recipe(snapshot_id))
    assert check.check(store.database, store.paths)[0].what == "the recipe of its tar is missing"


def test_the_recipe_of_a_snapshot_that_is_gone_is_swept(store: Store) -> None:
    Path(store.paths.recipe("0123456789abcdef")).write_bytes(b"half")
    Path(store.paths.recipe("0123456789abcdef") + ".first").write_bytes(b"half")
    assert {problem.what for problem in check.check(store.database, store.paths)} == {"no snapshot has this recipe"}
    gc.sweep(store.database, store.paths)
    assert os.listdir(store.paths.recipes) == []


def test_a_damaged_recipe_is_told_of(store: Store) -> None:
    snapshot_id = store.receive(archive(("a", FILE, b"content")))
    path = Path(store.paths.recipe(snapshot_id))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(Corrupt):
        store.tar(snapshot_id)
    path.write_bytes(b"something else")
    with pytest.raises(Corrupt, match="is no recipe"):
        store.tar(snapshot_id)


def test_the_folder_of_recipes_is_made_with_the_root(tmp_path: Path) -> None:
    paths = Paths(root=str(tmp_path / "root"), run=str(tmp_path / "run"), key="0")
    layout.create(paths)
    assert stat.S_IMODE(os.stat(paths.recipes).st_mode) == 0o700
